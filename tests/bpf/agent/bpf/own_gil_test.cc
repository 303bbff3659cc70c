// Interpreters with a GIL of their own (3.12 on): whatever walks stacks says
// the line of the interpreter that the thread is in, and no other's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "agent/bpf/alloc_window.h"
#include "agent/bpf/birth_watch.h"
#include "agent/bpf/growth_probe.h"
#include "tests/bpf/agent/bpf/birth_run.h"
#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/bpf/agent/bpf/window_truth.h"
#include "tests/support/bpf_requirement.h"

namespace plimsoll::bpf {
namespace {

using ::plimsoll::testing::BirthRun;
using ::plimsoll::testing::BirthWatcher;
using ::plimsoll::testing::BpfTarget;
using ::plimsoll::testing::MinorOf;
using ::plimsoll::testing::Sum;
using ::plimsoll::testing::SumOf;

constexpr int64_t kMade = 4000;

// Three interpreters with a GIL of their own. What runs in one of them runs in
// the thread that asks for it: the main interpreter's frames stand below it,
// and its GIL, now free, was that thread's last.
constexpr char kScript[] = R"(
import os, sys, threading
try:
    import _interpreters as inner
except ImportError:
    import _xxsubinterpreters as inner
CODE = '''
import gc, mmap, os
gc.disable()
class Mast(object):
    __slots__ = ('a',)
kept = []
PAGES = 400
memory = mmap.mmap(-1, PAGES * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_NOHUGEPAGE)
def make_masts(n):
    for i in range(n): kept.append(Mast())
def touch(n):
    for i in range(n): memory[i * 4096] = 1
def churn_site(n):
    for i in range(n): Mast()
def leak_site():
    kept.append(Mast())
def leak():
    import time
    while True:
        churn_site(100); leak_site(); time.sleep(0.005)
for name, value in (('Mast', Mast), ('make_masts', make_masts.__code__),
                    ('touch', touch.__code__)):
    os.write(1, ('%s%d %d\\n' % (name, WHICH, id(value))).encode())
'''
class Vessel(object):
    __slots__ = ('a',)
kept = []
def make_vessels(n):
    for i in range(n): kept.append(Vessel())
interpreters = []
def run(which, text): inner.run_string(interpreters[which], text)
def nested(n): run(0, 'make_masts(%d)' % n)
def nested_touch(n): run(0, 'touch(%d)' % n)
def nested_leak(n): run(0, 'leak()')
def beside(n):
    threads = [threading.Thread(target=run, args=(i, 'make_masts(%d)' % n))
               for i in (1, 2)]
    for t in threads: t.start()
    make_vessels(n)
    for t in threads: t.join()
for which in range(3):
    interpreters.append(inner.create())
    run(which, 'WHICH = %d' % which + CODE)
for name, value in (('Vessel', Vessel), ('make_vessels', make_vessels.__code__)):
    print(name, id(value))
print('done', flush=True)
while True:
    words = sys.stdin.readline().split()
    globals()[words[0]](int(words[1]))
    print('done', flush=True)
)";

std::vector<std::string> Pythons() {
  std::vector<std::string> found;
  for (const std::string& python : ::plimsoll::testing::SupportedPythons()) {
    if (MinorOf(python) >= 12) found.push_back(python);
  }
  if (found.empty()) found.emplace_back();  // one that says why it is skipped
  return found;
}

class OwnGilTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    if (GetParam().empty()) {
      GTEST_SKIP() << "no Python of 3.12 or later, whose interpreters may have "
                      "a GIL of their own";
    }
  }

  AllocWindow Open(const BpfTarget& target) {
    auto probe = AllocProbe::Create(KernelSupport::Detect());
    if (probe.ok()) {
      auto window = probe->OpenWindow(
          target.process(), {.kinds = {core::ProbeKind::kTypeGenericAlloc}});
      if (window.ok()) return *std::move(window);
      ADD_FAILURE() << window.status();
    } else {
      ADD_FAILURE() << probe.status();
    }
    std::abort();
  }

  // All that was made of a type, and what of it `code` is said to have made.
  static void ExpectMadeBy(const BpfTarget& target, const WindowCounts& counts,
                           const std::string& type, const std::string& code) {
    const uint64_t address = target.Number(type);
    ASSERT_NE(address, 0u) << type;
    const auto kind = core::ProbeKind::kTypeGenericAlloc;
    EXPECT_EQ(SumOf(counts, {.probe = kind, .type = address}), (Sum{kMade, 0}))
        << type;
    EXPECT_EQ(
        SumOf(counts,
              {.probe = kind, .type = address, .code = target.Number(code)}),
        (Sum{kMade, 0}))
        << type << ", made by " << code;
  }
};

TEST_P(OwnGilTest, AWindowSaysTheLineOfTheInterpreterThatTheThreadIsIn) {
  BpfTarget target(GetParam(), kScript);
  target.WaitIdle();
  AllocWindow window = Open(target);
  target.Command("nested " + std::to_string(kMade));
  const WindowCounts counts = window.Close();
  ExpectMadeBy(target, counts, "Mast0", "make_masts0");
}

// Each holds its GIL, all at once.
TEST_P(OwnGilTest, ThreadsInSeveralInterpretersAreToldApart) {
  BpfTarget target(GetParam(), kScript);
  target.WaitIdle();
  AllocWindow window = Open(target);
  target.Command("beside " + std::to_string(kMade));
  const WindowCounts counts = window.Close();
  ExpectMadeBy(target, counts, "Vessel", "make_vessels");
  ExpectMadeBy(target, counts, "Mast1", "make_masts1");
  ExpectMadeBy(target, counts, "Mast2", "make_masts2");
}

TEST_P(OwnGilTest, PageFaultsHaveTheirStack) {
  BpfTarget target(GetParam(), kScript);
  auto probe = GrowthProbe::Create(KernelSupport::Detect());
  ASSERT_TRUE(probe.ok()) << probe.status();
  ASSERT_TRUE(probe->Watch(target.process(), {}).ok());
  target.Command("nested_touch 300");
  const auto taken = probe->Take(target.pid());
  ASSERT_TRUE(taken.ok()) << taken.status();
  const int64_t in_touch = std::count_if(
      taken->samples.begin(), taken->samples.end(), [&](const auto& sample) {
        const auto& frames = taken->stacks.at(sample.stack_index).frames;
        return !frames.empty() &&
               frames.front().code_address == target.Number("touch0");
      });
  EXPECT_EQ(in_touch, 300);
}

TEST_P(OwnGilTest, BirthsAreFollowedToTheirLine) {
  BpfTarget target(GetParam(), kScript);
  auto probe = BirthProbe::Create(KernelSupport::Detect());
  ASSERT_TRUE(probe.ok()) << probe.status();
  target.target().WriteLine("nested_leak 0");
  BirthWatcher watcher(*probe, target.process(), target.Number("Mast0"),
                       {.duration_ns = 4'000'000'000, .rest_ns = 500'000'000});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  watcher.Start();
  while (watcher.Tick()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const BirthRun run = watcher.Finish();
  std::cout << run.Text() << std::endl;
  EXPECT_GE(run.total(), 5) << run.Text();
  EXPECT_GE(run.share("leak_site"), 0.95) << run.Text();
}

INSTANTIATE_TEST_SUITE_P(Pythons, OwnGilTest, ::testing::ValuesIn(Pythons()),
                         [](const auto& info) {
                           return info.param.empty()
                                      ? std::string("none")
                                      : ::plimsoll::testing::TestNameOf(
                                            info.param);
                         });

}  // namespace
}  // namespace plimsoll::bpf
