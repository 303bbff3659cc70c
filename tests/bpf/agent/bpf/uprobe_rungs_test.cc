// Every rung of the attach ladder, each by refusing those above it. tracefs is
// mounted for this program alone, where it may make a mount namespace.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "agent/bpf/alloc_window.h"
#include "agent/bpf/gc_probe.h"
#include "agent/bpf/hit_cost.h"
#include "agent/bpf/thread_clock.h"
#include "agent/bpf/tracefs_text.h"
#include "agent/bpf/tracefs_uprobe.h"
#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/bpf/agent/bpf/probed_code.h"
#include "tests/bpf/agent/bpf/window_truth.h"
#include "tests/support/bpf_requirement.h"

namespace plimsoll::bpf {
namespace {

using core::ProbeKind;
using ::plimsoll::testing::BpfTarget;
using ::plimsoll::testing::kWindowScript;
using ::plimsoll::testing::OpenDescriptors;
using ::plimsoll::testing::ProbedCode;
using ::plimsoll::testing::Sum;
using ::plimsoll::testing::SumOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// "" when tracefs is there, mounted by us if need be.
std::string MountTracefs() {
  if (TracefsUprobe::FindTracefs().ok()) return "";
  if (::unshare(CLONE_NEWNS) != 0) {
    return "tracefs is not mounted, and no mount namespace can be made";
  }
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", "/sys/kernel/tracing", "tracefs", 0, nullptr) != 0) {
    return "tracefs is not mounted, and cannot be";
  }
  return "";
}

std::vector<std::string> LinesOfOurs() {
  const auto tracefs = TracefsUprobe::FindTracefs();
  if (!tracefs.ok()) return {};
  std::ifstream file(*tracefs + "/uprobe_events");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return TracefsNames(text);
}

KernelSupport FromRung(UprobeRung wanted) {
  KernelSupport kernel = KernelSupport::Detect();
  for (const UprobeRung rung :
       {UprobeRung::kUprobeMulti, UprobeRung::kTracefs, UprobeRung::kPerf}) {
    if (rung == wanted) break;
    kernel.Refuse(rung, "refused by the test");
  }
  return kernel;
}

class UprobeRungTest : public ::testing::TestWithParam<UprobeRung> {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    if (GetParam() == UprobeRung::kTracefs) {
      const std::string reason = MountTracefs();
      if (!reason.empty() && ::plimsoll::testing::BpfRequired()) {
        FAIL() << reason;
      }
      if (!reason.empty()) GTEST_SKIP() << reason;
    }
    kernel_ = FromRung(GetParam());
    const auto rung = kernel_.Rung();
    ASSERT_TRUE(rung.ok()) << rung.status();
    ASSERT_EQ(*rung, GetParam()) << kernel_.Describe();
  }
  KernelSupport kernel_;
};

TEST_P(UprobeRungTest, CountsAndLeavesNothingBehind) {
  absl::StatusOr<AllocProbe> probe = AllocProbe::Create(kernel_);
  ASSERT_TRUE(probe.ok()) << probe.status();
  BpfTarget target("/usr/bin/python3.11", kWindowScript);
  const size_t descriptors = OpenDescriptors();
  const std::vector<uint64_t> code = ProbedCode(target);
  const size_t lines = LinesOfOurs().size();
  absl::StatusOr<AllocWindow> window = probe->OpenWindow(
      target.process(),
      {.kinds = {ProbeKind::kTypeGenericAlloc, ProbeKind::kGcNew}});
  ASSERT_TRUE(window.ok()) << window.status();
  EXPECT_NE(ProbedCode(target), code) << "no probe is in place";
  target.Command("make_masts 25 make_vessels 35");
  const WindowCounts counts = window->Close();
  EXPECT_EQ(counts.rung, UprobeRungName(GetParam()));
  EXPECT_EQ(SumOf(counts, {.probe = ProbeKind::kTypeGenericAlloc,
                           .type = target.Number("Mast"),
                           .code = target.Number("make_masts")}),
            (Sum{25, 0}));
  EXPECT_EQ(SumOf(counts, {.probe = ProbeKind::kTypeGenericAlloc,
                           .type = target.Number("Vessel"),
                           .code = target.Number("make_vessels")}),
            (Sum{35, 0}));
  EXPECT_EQ(ProbedCode(target), code);
  EXPECT_EQ(OpenDescriptors(), descriptors);
  EXPECT_THAT(LinesOfOurs(), SizeIs(lines));
}

// One process' probes are not the other's, and neither are their lines.
TEST_P(UprobeRungTest, TwoProcessesAreCountedApart) {
  absl::StatusOr<AllocProbe> probe = AllocProbe::Create(kernel_);
  ASSERT_TRUE(probe.ok()) << probe.status();
  BpfTarget one("/usr/bin/python3.11", kWindowScript);
  BpfTarget other("/usr/bin/python3.11", kWindowScript);
  const AllocWindowOptions options = {.kinds = {ProbeKind::kTypeGenericAlloc}};
  auto first = probe->OpenWindow(one.process(), options);
  auto second = probe->OpenWindow(other.process(), options);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(second.ok()) << second.status();
  one.Command("make_masts 11");
  other.Command("make_masts 22");
  EXPECT_EQ(SumOf(first->Close(), {.type = one.Number("Mast")}), (Sum{11, 0}));
  other.Command("make_masts 33");
  EXPECT_EQ(SumOf(second->Close(), {.type = other.Number("Mast")}),
            (Sum{55, 0}));
}

// By USDT, whose semaphore the rung must raise, and by function and return.
TEST_P(UprobeRungTest, CollectionsAreCounted) {
  constexpr char kScript[] =
      "import sys, gc\ngc.disable()\n"
      "while True:\n"
      "    sys.stdout.write('done\\n'); sys.stdout.flush()\n"
      "    for i in range(int(sys.stdin.readline())): gc.collect()\n";
  absl::StatusOr<GcProbe> probe = GcProbe::Create(kernel_);
  ASSERT_TRUE(probe.ok()) << probe.status();
  BpfTarget target("/usr/bin/python3.11", kScript);
  for (const bool usdt : {true, false}) {
    core::PythonProcess python = target.process();
    std::erase_if(python.build.probes, [usdt](const core::ProbePoint& p) {
      return (p.kind == ProbeKind::kGcCollect) == usdt;
    });
    const auto watched = probe->Watch(python);
    ASSERT_TRUE(watched.ok()) << watched.status();
    EXPECT_EQ(*watched, usdt ? "usdt" : "uprobe");
    target.Command("7");
    const auto taken = probe->Take(target.pid());
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_EQ(taken->pauses.at(2).count, 7) << *watched;
    probe->Unwatch(target.pid());
  }
  EXPECT_THAT(LinesOfOurs(), IsEmpty());
}

TEST_P(UprobeRungTest, AHitsCostIsMeasured) {
  const absl::StatusOr<core::HitCosts> costs = CalibrateHitCosts(kernel_);
  ASSERT_TRUE(costs.ok()) << costs.status();
  EXPECT_GT(costs->emulated_ns, 50);
  EXPECT_GT(costs->single_stepped_ns, costs->emulated_ns);
}

// By the clock on the wall a hit cost three to seven times as much on a full
// machine, and windows were refused for what others took.
TEST(HitCostTest, WhatNeighboursTakeIsNotCounted) {
  PLIMSOLL_NEEDS_BPF();
  const KernelSupport kernel = KernelSupport::Detect();
  const auto calm = CalibrateHitCosts(kernel);
  ASSERT_TRUE(calm.ok()) << calm.status();
  // On our CPU, before us whenever it wakes: three quarters of the time.
  cpu_set_t before, ours;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  CPU_ZERO(&ours);
  CPU_SET(::sched_getcpu(), &ours);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(ours), &ours), 0);
  std::atomic<bool> first{false};
  std::jthread neighbour([&](const std::stop_token& stop) {
    const sched_param priority{.sched_priority = 1};
    first = ::sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
    while (!stop.stop_requested()) {
      const int64_t begin = ThreadCpuNs();
      while (ThreadCpuNs() - begin < 300'000) {
      }
      ::usleep(100);
    }
  });
  const auto busy = CalibrateHitCosts(kernel);
  neighbour.request_stop();
  neighbour.join();
  ASSERT_EQ(::sched_setaffinity(0, sizeof(before), &before), 0);
  if (!first) GTEST_SKIP() << "may not set a thread's priority";
  ASSERT_TRUE(busy.ok()) << busy.status();
  EXPECT_LT(busy->single_stepped_ns, 2 * calm->single_stepped_ns);
}

INSTANTIATE_TEST_SUITE_P(All, UprobeRungTest,
                         ::testing::Values(UprobeRung::kUprobeMulti,
                                           UprobeRung::kTracefs,
                                           UprobeRung::kPerf),
                         [](const auto& info) {
                           return std::string(UprobeRungName(info.param));
                         });

class TracefsRungTest : public UprobeRungTest {};

// The kernel keeps a line when the program that made it is killed.
TEST_P(TracefsRungTest, OnlyLinesThatNobodyUsesAreRemoved) {
  absl::StatusOr<AllocProbe> probe = AllocProbe::Create(kernel_);
  ASSERT_TRUE(probe.ok()) << probe.status();
  BpfTarget target("/usr/bin/python3.11", kWindowScript);
  const AllocWindowOptions options = {.kinds = {ProbeKind::kTypeGenericAlloc}};
  const pid_t killed = ::fork();
  if (killed == 0) {
    const auto window = probe->OpenWindow(target.process(), options);
    ::_exit(window.ok() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(killed, &status, 0), killed);
  ASSERT_EQ(status, 0);
  ASSERT_THAT(LinesOfOurs(), SizeIs(1));
  // The maps know the process still, as another agent's would not.
  BpfTarget other("/usr/bin/python3.11", kWindowScript);
  auto in_use = probe->OpenWindow(other.process(), options);
  ASSERT_TRUE(in_use.ok()) << in_use.status();
  ASSERT_THAT(LinesOfOurs(), SizeIs(2));
  EXPECT_EQ(KernelSupport::Detect().tracefs_refusal, "");
  EXPECT_THAT(LinesOfOurs(), SizeIs(1));
  other.Command("make_masts 5");
  EXPECT_EQ(SumOf(in_use->Close(), {.type = other.Number("Mast")}),
            (Sum{5, 0}));
  EXPECT_THAT(LinesOfOurs(), IsEmpty());
}

// What the rung is for: since the fix of CVE-2025-38466 perf's own uprobes are
// refused to an agent without CAP_SYS_ADMIN.
TEST_P(TracefsRungTest, WorksWithoutSysAdmin) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct all[2] = {}, fewer[2] = {};
  ASSERT_EQ(::syscall(SYS_capget, &header, all), 0);
  std::copy(std::begin(all), std::end(all), std::begin(fewer));
  fewer[0].effective &= ~(1U << CAP_SYS_ADMIN);
  BpfTarget target("/usr/bin/python3.11", kWindowScript);
  ASSERT_EQ(::syscall(SYS_capset, &header, fewer), 0);
  KernelSupport kernel = KernelSupport::Detect();
  kernel.Refuse(UprobeRung::kUprobeMulti, "refused by the test");
  absl::StatusOr<AllocProbe> probe = AllocProbe::Create(kernel);
  auto window =
      probe.ok() ? probe->OpenWindow(target.process(),
                                     {.kinds = {ProbeKind::kTypeGenericAlloc}})
                 : absl::StatusOr<AllocWindow>(probe.status());
  ASSERT_EQ(::syscall(SYS_capset, &header, all), 0);
  ASSERT_TRUE(window.ok()) << window.status() << "\n" << kernel.Describe();
  EXPECT_EQ(probe->rung(), UprobeRung::kTracefs);
  if (!kernel.perf_uprobe()) {
    EXPECT_THAT(kernel.perf_uprobe_refusal, HasSubstr("CAP_SYS_ADMIN"));
  }
  target.Command("make_masts 9");
  EXPECT_EQ(SumOf(window->Close(), {.type = target.Number("Mast")}),
            (Sum{9, 0}));
}

INSTANTIATE_TEST_SUITE_P(Tracefs, TracefsRungTest,
                         ::testing::Values(UprobeRung::kTracefs),
                         [](const auto&) { return std::string("tracefs"); });

}  // namespace
}  // namespace plimsoll::bpf
