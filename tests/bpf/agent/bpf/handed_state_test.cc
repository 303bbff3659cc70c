// A thread state that one thread made and another entered, as programs that
// embed Python do: stacks are those of the thread that runs, never its maker's.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/bpf/alloc_window.h"
#include "agent/bpf/growth_probe.h"
#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/bpf/agent/bpf/window_truth.h"
#include "tests/support/bpf_requirement.h"
#include "tests/support/native_library.h"

namespace plimsoll::bpf {
namespace {

using ::plimsoll::testing::BpfTarget;
using ::plimsoll::testing::NativeLibrary;
using ::plimsoll::testing::PythonsWithAGil;
using ::plimsoll::testing::Sum;
using ::plimsoll::testing::SumOf;
using ::plimsoll::testing::TestName;

constexpr int64_t kPages = 300;

// hand_on() makes a state in the calling thread, which is out of Python, and
// has a new thread run `text` in it. With n, the caller touches as many pages
// of its own while `text` holds the GIL.
constexpr char kLibrary[] = R"(
#include <pthread.h>
#include <sched.h>
extern void *PyInterpreterState_Main(void);
extern void *PyThreadState_New(void *interpreter);
extern void PyEval_AcquireThread(void *state);
extern int PyRun_SimpleString(const char *text);
extern void PyThreadState_Clear(void *state);
extern void PyThreadState_DeleteCurrent(void);
static void *state;
volatile int running, stop;
__attribute__((aligned(4096))) volatile char pages[400 * 4096];
static void *enter(void *text) {
  PyEval_AcquireThread(state);
  PyRun_SimpleString(text);
  PyThreadState_Clear(state);
  PyThreadState_DeleteCurrent();
  return 0;
}
void hand_on(const char *text, long n) {
  pthread_t thread;
  state = PyThreadState_New(PyInterpreterState_Main());
  running = stop = 0;
  pthread_create(&thread, 0, enter, (void *)text);
  if (n) {
    while (!running) sched_yield();
    for (long i = 0; i < n; ++i) pages[i * 4096] = 1;
    stop = 1;
  }
  pthread_join(thread, 0);
}
)";

constexpr char kScript[] = R"(
import ctypes, gc, mmap, sys
gc.disable()
lib = ctypes.CDLL(sys.argv[1])
lib.hand_on.argtypes = [ctypes.c_char_p, ctypes.c_long]
running = ctypes.c_int.in_dll(lib, 'running')
stop = ctypes.c_int.in_dll(lib, 'stop')
pages = ctypes.addressof(ctypes.c_char.in_dll(lib, 'pages'))
PAGES = 400
memory = mmap.mmap(-1, PAGES * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(PAGES * 4096), 15)
class Mast(object):
    __slots__ = ('a',)
kept = []
def make_masts(n):
    for i in range(n): kept.append(Mast())
def touch(n):
    for i in range(n): memory[i * 4096] = 1
def spin(n):
    running.value = 1
    while not stop.value: pass
def hand_masts(n): lib.hand_on(b'make_masts(%d)' % n, 0)
def hand_touch(n): lib.hand_on(b'touch(%d)' % n, 0)
def hand_spin(n): lib.hand_on(b'spin(0)', n)
for name, value in (('Mast', id(Mast)), ('make_masts', id(make_masts.__code__)),
                    ('touch', id(touch.__code__)), ('spin', id(spin.__code__)),
                    ('memory', start), ('pages', pages)):
    print(name, value)
print('done', flush=True)
while True:
    words = sys.stdin.readline().split()
    globals()[words[0]](int(words[1]))
    print('done', flush=True)
)";

class HandedStateTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { PLIMSOLL_NEEDS_BPF(); }

  // Page faults in a range of kPages, by the code that is on top of the stack.
  struct Faults {
    int64_t all = 0;
    int64_t in_code = 0;
  };
  Faults FaultsOf(BpfTarget& target, const std::string& command,
                  const std::string& range, const std::string& code) {
    Faults faults;
    auto probe = GrowthProbe::Create(KernelSupport::Detect());
    EXPECT_TRUE(probe.ok()) << probe.status();
    if (!probe.ok()) return faults;
    const absl::Status watched = probe->Watch(target.process(), {});
    EXPECT_TRUE(watched.ok()) << watched;
    target.Command(command + " " + std::to_string(kPages));
    const auto taken = probe->Take(target.pid());
    EXPECT_TRUE(taken.ok()) << taken.status();
    if (!taken.ok()) return faults;
    const uint64_t begin = target.Number(range);
    for (const auto& sample : taken->samples) {
      if (sample.address - begin >= kPages * 4096) continue;
      const auto& frames = taken->stacks.at(sample.stack_index).frames;
      faults.all += 1;
      faults.in_code +=
          !frames.empty() && frames.front().code_address == target.Number(code);
    }
    return faults;
  }

  NativeLibrary library_{"libhanding.so", kLibrary, {"-pthread"}};
};

TEST_P(HandedStateTest, WhatTheThreadMakesHasItsLine) {
  constexpr int64_t kMade = 2000;
  BpfTarget target(GetParam(), kScript, {library_.path()});
  target.WaitIdle();
  auto probe = AllocProbe::Create(KernelSupport::Detect());
  ASSERT_TRUE(probe.ok()) << probe.status();
  auto window = probe->OpenWindow(
      target.process(), {.kinds = {core::ProbeKind::kTypeGenericAlloc}});
  ASSERT_TRUE(window.ok()) << window.status();
  target.Command("hand_masts " + std::to_string(kMade));
  const WindowCounts counts = window->Close();
  EXPECT_EQ(SumOf(counts, {.probe = core::ProbeKind::kTypeGenericAlloc,
                           .type = target.Number("Mast"),
                           .code = target.Number("make_masts")}),
            (Sum{kMade, 0}));
}

// Builds that tell on whose stack a state runs.
class ToldByTheStackTest : public HandedStateTest {};

TEST_P(ToldByTheStackTest, PagesThatTheThreadTouchesHaveItsLine) {
  BpfTarget target(GetParam(), kScript, {library_.path()});
  const Faults faults = FaultsOf(target, "hand_touch", "memory", "touch");
  EXPECT_EQ(faults.all, kPages);
  EXPECT_EQ(faults.in_code, kPages);
}

class NotTheMakersTest : public HandedStateTest {};

TEST_P(NotTheMakersTest, PagesThatTheMakerTouchesHaveNoLineOfTheThread) {
  BpfTarget target(GetParam(), kScript, {library_.path()});
  const Faults faults = FaultsOf(target, "hand_spin", "pages", "spin");
  EXPECT_EQ(faults.all, kPages);
  EXPECT_EQ(faults.in_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Pythons, HandedStateTest,
                         ::testing::ValuesIn(PythonsWithAGil(7, 15)), TestName);
INSTANTIATE_TEST_SUITE_P(Pythons, ToldByTheStackTest,
                         ::testing::ValuesIn(PythonsWithAGil(10, 12)),
                         TestName);
INSTANTIATE_TEST_SUITE_P(Pythons, NotTheMakersTest,
                         ::testing::ValuesIn(PythonsWithAGil(10, 13)),
                         TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(HandedStateTest);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ToldByTheStackTest);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NotTheMakersTest);

}  // namespace
}  // namespace plimsoll::bpf
