// The target of the birth watch's tests.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_SCRIPT_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_SCRIPT_H_

namespace plimsoll::testing {

// One leak beside a churn of the same type and size. Arguments: kind, threads
// (0: each object kept by a thread that is started for it),
// objects dropped per object kept, kept per second (0: as fast as it goes),
// objects of which 7 in 10 are freed before (0: none).
inline constexpr char kBirthScript[] = R"(
import random, sys, threading, time
kind, threads, churn, rate, holes = sys.argv[1], *map(float, sys.argv[2:6])
class Slotted:
    __slots__ = ('x', 'y')
    def __init__(self, x, y): self.x = x; self.y = y
class Plain:
    def __init__(self, x, y): self.x = x; self.y = y
SELF = Plain(1, 2)
MAKE, TYPE = {
    'slotted': ('Slotted(i, i)', Slotted), 'plain': ('Plain(i, i)', Plain),
    'str': ('str(1000000 + i)', str), 'tuple': ('(i, i)', tuple),
    'list': ('[i, i]', list), 'dict': ('{"a": i}', dict),
    'float': ('i * 1.5', float), 'bytes': ('bytes((i & 255, 2, 3))', bytes),
    'set': ('{i}', set), 'int': ('1000000 + i', int),
    'method': ('SELF.__init__', type(SELF.__init__)),
}[kind]
KEEP = []
exec('''
def churn_site(n):
    for i in range(n): %s
def leak_site(i):
    KEEP.append(%s)
def fill(n):
    return [%s for i in range(n)]
''' % (MAKE, MAKE, MAKE))
if holes:
    random.seed(1); big = fill(int(holes)); random.shuffle(big)
    del big[int(holes * 0.3):]
def work(share):
    n, begin = 0, time.perf_counter()
    while True:
        churn_site(int(churn)); leak_site(n); n += 1
        if rate:
            ahead = begin + n * share / rate - time.perf_counter()
            if ahead > 0: time.sleep(ahead)
if not threads:
    print('type', id(TYPE)); print('done', flush=True)
    while True:
        t = threading.Thread(target=leak_site, args=(0,)); t.start(); t.join()
for _ in range(int(threads) - 1):
    threading.Thread(target=work, args=(threads,), daemon=True).start()
print('type', id(TYPE)); print('done', flush=True)
work(threads)
)";

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_SCRIPT_H_
