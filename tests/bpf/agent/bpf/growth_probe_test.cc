// Page faults counted by the probe beside the pages that the target touched.
#include "agent/bpf/growth_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <optional>

#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/support/bpf_requirement.h"

namespace plimsoll::bpf {
namespace {

using ::plimsoll::testing::BpfTarget;
using ::plimsoll::testing::PlainPythons;
using ::plimsoll::testing::StrippedPythons;
using ::plimsoll::testing::TestName;

// Touches each page of a private anonymous mapping once, without huge pages:
// in the main thread, in a thread that was there before, in one that starts
// now, and in a forked child.
constexpr char kScript[] = R"(
import sys, os, mmap, ctypes, threading, queue
PAGES = 4000
memory = mmap.mmap(-1, PAGES * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
libc = ctypes.CDLL(None)
libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(PAGES * 4096), 15)
at = 0
def touch(n):
    global at
    for i in range(n):
        memory[at * 4096] = 1
        at += 1
def touch_in_new_thread(n):
    t = threading.Thread(target=touch, args=(n,)); t.start(); t.join()
work, done = queue.Queue(), queue.Queue()
def serve():
    while True:
        touch(work.get()); done.put(None)
threading.Thread(target=serve, daemon=True).start()
def touch_in_old_thread(n):
    work.put(n); done.get()
def touch_in_child(n):
    pid = os.fork()
    if pid == 0:
        touch(n); os._exit(0)
    os.waitpid(pid, 0)
jobs = dict((f.__name__, f) for f in
            (touch, touch_in_new_thread, touch_in_old_thread, touch_in_child))
def say(name, value): sys.stdout.write('%s %d\n' % (name, value))
say('start', start); say('end', start + PAGES * 4096)
say('touch', id(touch.__code__))
sys.stdout.write('done\n'); sys.stdout.flush()
while True:
    words = sys.stdin.readline().split()
    for i in range(0, len(words), 2): jobs[words[i]](int(words[i + 1]))
    sys.stdout.write('done\n'); sys.stdout.flush()
)";

std::vector<std::string> SomePythons() {
  std::vector<std::string> some = PlainPythons(7, 15);
  for (const std::string& python : StrippedPythons()) some.push_back(python);
  return some;
}

class GrowthProbeTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    absl::StatusOr<GrowthProbe> probe =
        GrowthProbe::Create(KernelSupport::Detect());
    ASSERT_TRUE(probe.ok()) << probe.status();
    probe_.emplace(*std::move(probe));
  }

  // Faults in the target's mapping, by whether `touch` is on top of the stack.
  struct Faults {
    int64_t in_touch = 0;
    int64_t elsewhere = 0;
  };
  Faults Take(const BpfTarget& target, GrowthTaken* out = nullptr) {
    Faults faults;
    absl::StatusOr<GrowthTaken> taken = probe_->Take(target.pid());
    if (!taken.ok()) {
      ADD_FAILURE() << taken.status();
      return faults;
    }
    for (const core::StackCount& row :
         CountGrowth(*taken, [&target](const GrowthSample& sample) {
           return sample.address >= target.Number("start") &&
                  sample.address < target.Number("end");
         })) {
      const auto& frames = taken->stacks.at(row.stack_index).frames;
      const bool in_touch = !frames.empty() && frames.front().code_address ==
                                                   target.Number("touch");
      (in_touch ? faults.in_touch : faults.elsewhere) += row.allocations;
      EXPECT_EQ(row.allocated_bytes, 4096 * row.allocations);
    }
    if (out != nullptr) *out = *std::move(taken);
    return faults;
  }

  std::optional<GrowthProbe> probe_;
};

TEST_P(GrowthProbeTest, EveryPageTouchedIsOneFaultWithItsStack) {
  BpfTarget target(GetParam(), kScript);
  ASSERT_TRUE(probe_->Watch(target.process(), {}).ok());
  target.Command("touch 300");
  Faults faults = Take(target);
  EXPECT_EQ(faults.in_touch, 300);
  EXPECT_EQ(faults.elsewhere, 0);
  target.Command("touch_in_old_thread 200");
  EXPECT_EQ(Take(target).in_touch, 200);
  target.Command("touch_in_new_thread 150");
  EXPECT_EQ(Take(target).in_touch, 150);
  // A child is another process.
  target.Command("touch_in_child 100");
  EXPECT_EQ(Take(target).in_touch, 0);
  // Nothing grows, nothing is seen.
  EXPECT_EQ(Take(target).in_touch, 0);
  probe_->Unwatch(target.pid());
  target.Command("touch 50");
  EXPECT_EQ(probe_->Take(target.pid()).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(probe_->bad_records(), 0u);
}

TEST_P(GrowthProbeTest, APeriodSamplesAndABudgetBounds) {
  BpfTarget target(GetParam(), kScript);
  GrowthOptions options;
  options.sample_period = 10;
  ASSERT_TRUE(probe_->Watch(target.process(), options).ok());
  target.Command("touch 1000");
  GrowthTaken taken;
  const Faults faults = Take(target, &taken);
  // Faults of other addresses share the counter's phase.
  EXPECT_NEAR(static_cast<double>(faults.in_touch), 1000, 50);
  probe_->Unwatch(target.pid());

  options.sample_period = 1;
  options.max_samples_per_take = 100;
  ASSERT_TRUE(probe_->Watch(target.process(), options).ok());
  target.Command("touch 500");
  EXPECT_LE(Take(target, &taken).in_touch, 100);
  EXPECT_EQ(taken.samples.size(), 100u);
  EXPECT_EQ(static_cast<uint64_t>(taken.drops.at("probe_budget")),
            taken.hits - 100);
  // The next look has a new allowance.
  target.Command("touch 60");
  EXPECT_EQ(Take(target).in_touch, 60);
}

// What the event costs is charged beside what the program does.
TEST(FaultCostTest, ASampledFaultsCostIsMeasured) {
  PLIMSOLL_NEEDS_BPF();
  const absl::StatusOr<GrowthProbe> probe =
      GrowthProbe::Create(KernelSupport::Detect());
  ASSERT_TRUE(probe.ok()) << probe.status();
  RecordProperty("fault_ns", static_cast<int>(probe->fault_ns()));
  std::cout << "a sampled page fault: " << probe->fault_ns() << " ns\n";
  EXPECT_GT(probe->fault_ns(), 5);
  EXPECT_LT(probe->fault_ns(), 100'000);
}

INSTANTIATE_TEST_SUITE_P(Pythons, GrowthProbeTest,
                         ::testing::ValuesIn(SomePythons()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GrowthProbeTest);

}  // namespace
}  // namespace plimsoll::bpf
