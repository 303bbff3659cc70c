// The target of the birth watch's tests.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_SCRIPT_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_BIRTH_SCRIPT_H_

namespace plimsoll::testing {

// One leak beside a churn of the same type and size. Arguments: kind, threads
// (0: each object kept by a thread that is started for it),
// objects dropped per object kept, kept per second (0: as fast as it goes),
// objects of which 7 in 10 are freed before (0: none).
inline constexpr char kBirthScript[] = R"(
import random, select, sys, threading, time
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
# A slow leak has used up its type's free list long ago, of up to 2,000 tuples.
if 0 < rate < 10: KEEP.extend(fill(3000))
PERIOD = {n: int(n * 1e9 / rate) for n in (1, threads) if rate}
# Keeps to the pace without floats where those leak, else without ints.
def wait(begin, n, share):
    if kind == 'float':
        ahead = begin + n * PERIOD[share] - time.perf_counter_ns()
        if ahead >= 1000000: select.poll().poll(ahead // 1000000)
    else:
        ahead = begin * 1e-9 + n * share / rate - time.perf_counter()
        if ahead > 0: time.sleep(ahead)
def work(share):
    n, begin = 0, time.perf_counter_ns()
    while True:
        churn_site(int(churn)); leak_site(n); n += 1
        if rate: wait(begin, n, share)
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
