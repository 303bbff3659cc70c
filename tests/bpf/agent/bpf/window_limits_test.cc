// What a window must not do: cost too much, outlive its process, mix two
// processes, leave anything behind, or name a stack that is not the thread's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

#include "agent/bpf/alloc_window.h"
#include "agent/bpf/hit_cost.h"
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
using ::plimsoll::testing::StrippedPythons;
using ::plimsoll::testing::Sum;
using ::plimsoll::testing::SumOf;
using ::plimsoll::testing::TestName;
using ::testing::HasSubstr;

class WindowLimitsTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    kernel_ = KernelSupport::Detect();
    absl::StatusOr<AllocProbe> probe = AllocProbe::Create(kernel_);
    ASSERT_TRUE(probe.ok()) << probe.status();
    probe_.emplace(*std::move(probe));
  }

  KernelSupport kernel_;
  std::optional<AllocProbe> probe_;
};

TEST_P(WindowLimitsTest, AWindowLeavesNothingBehind) {
  BpfTarget target(GetParam(), kWindowScript);
  const size_t descriptors = OpenDescriptors();
  const std::vector<uint64_t> code = ProbedCode(target);
  ASSERT_FALSE(code.empty());
  for (int i = 0; i < 3; ++i) {
    absl::StatusOr<AllocWindow> window =
        probe_->OpenWindow(target.process(), {});
    ASSERT_TRUE(window.ok()) << window.status();
    EXPECT_NE(ProbedCode(target), code) << "no probe is in place";
    target.Command("make_masts 10");
    if (i == 0) continue;  // destroyed without Close
    EXPECT_EQ(SumOf(window->Close(), {.probe = ProbeKind::kTypeGenericAlloc,
                                      .type = target.Number("Mast")}),
              (Sum{10, 0}))
        << "counts of the window before";
  }
  EXPECT_EQ(ProbedCode(target), code);
  EXPECT_EQ(OpenDescriptors(), descriptors);
}

TEST_P(WindowLimitsTest, TwoWindowsCountTwoProcessesApart) {
  BpfTarget one(GetParam(), kWindowScript);
  BpfTarget other(GetParam(), kWindowScript);
  absl::StatusOr<AllocWindow> first = probe_->OpenWindow(one.process(), {});
  absl::StatusOr<AllocWindow> second = probe_->OpenWindow(other.process(), {});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(probe_->OpenWindow(one.process(), {}).status().code(),
            absl::StatusCode::kAlreadyExists);
  one.Command("make_masts 11");
  other.Command("make_masts 22");
  const WindowCounts of_one = first->Close();
  other.Command("make_masts 33");
  const WindowCounts of_other = second->Close();
  EXPECT_EQ(SumOf(of_one, {.probe = ProbeKind::kTypeGenericAlloc,
                           .type = one.Number("Mast")}),
            (Sum{11, 0}));
  EXPECT_EQ(SumOf(of_other, {.probe = ProbeKind::kTypeGenericAlloc,
                             .type = other.Number("Mast"),
                             .code = other.Number("make_masts")}),
            (Sum{55, 0}));
}

TEST_P(WindowLimitsTest, ATargetKilledInsideKeepsWhatWasCounted) {
  BpfTarget target(GetParam(), kWindowScript);
  absl::StatusOr<AllocWindow> window = probe_->OpenWindow(target.process(), {});
  ASSERT_TRUE(window.ok());
  target.Command("make_masts 40");
  target.target().Kill();
  const WindowCounts counts = window->Close();
  EXPECT_TRUE(counts.process_gone);
  EXPECT_EQ(SumOf(counts, {.probe = ProbeKind::kTypeGenericAlloc,
                           .type = target.Number("Mast")}),
            (Sum{40, 0}));
  EXPECT_EQ(probe_->OpenWindow(target.process(), {}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_P(WindowLimitsTest, TheHitBudgetEndsTheCounting) {
  BpfTarget target(GetParam(), kWindowScript);
  absl::StatusOr<AllocWindow> window = probe_->OpenWindow(
      target.process(),
      {.kinds = {ProbeKind::kTypeGenericAlloc}, .hit_budget = 100});
  ASSERT_TRUE(window.ok());
  EXPECT_FALSE(window->Progress().budget_spent);
  target.Command("make_masts 150");
  EXPECT_TRUE(window->Progress().budget_spent);
  const WindowCounts counts = window->Close();
  EXPECT_EQ(SumOf(counts, {}).allocations, 100);
  EXPECT_EQ(counts.drops.at("probe_budget"),
            static_cast<int64_t>(counts.progress.hits) - 100);
  EXPECT_GE(counts.progress.hits, 150u);
}

TEST_P(WindowLimitsTest, APilotPastTheBoundRefusesWithTheFigures) {
  const absl::StatusOr<core::HitCosts> costs = CalibrateHitCosts(kernel_);
  ASSERT_TRUE(costs.ok()) << costs.status();
  BpfTarget target(GetParam(), kWindowScript);
  AllocWindowOptions options;
  options.costs = *costs;
  const absl::StatusOr<AllocWindow> quiet =
      probe_->OpenWindow(target.process(), options);
  EXPECT_TRUE(quiet.ok()) << quiet.status();

  // Low, because a machine busy with other things gives a target little of a
  // core to spend.
  options.max_core_share = 0.02;
  BpfTarget busy(GetParam(), kWindowScript);
  const std::vector<uint64_t> code = ProbedCode(busy);
  busy.target().WriteLine("make_lists 30000000");
  const absl::StatusOr<AllocWindow> refused =
      probe_->OpenWindow(busy.process(), options);
  ASSERT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()),
              ::testing::AllOf(HasSubstr("% of a core"), HasSubstr("hits/s"),
                               HasSubstr("bound is 2 %")));
  EXPECT_EQ(ProbedCode(busy), code) << "the pilot left its probes";
}

TEST_P(WindowLimitsTest, DeepStacksAreCutAndSaidSo) {
  BpfTarget target(GetParam(), kWindowScript);
  absl::StatusOr<AllocWindow> window = probe_->OpenWindow(
      target.process(), {.kinds = {ProbeKind::kTypeGenericAlloc}});
  ASSERT_TRUE(window.ok());
  target.Command("recurse 200");
  const WindowCounts counts = window->Close();
  EXPECT_EQ(counts.drops.at("stack_too_deep"), 1);
  bool seen = false;
  for (const core::StackCount& row : counts.counts) {
    if (row.type_address != target.Number("Mast")) continue;
    const core::RawStack& stack = counts.stacks[row.stack_index];
    EXPECT_TRUE(stack.truncated);
    ASSERT_EQ(stack.frames.size(), 64u);
    for (const core::RawFrame& frame : stack.frames) {
      EXPECT_EQ(frame.code_address, target.Number("recurse"));
    }
    seen = true;
  }
  EXPECT_TRUE(seen);
}

INSTANTIATE_TEST_SUITE_P(Pythons, WindowLimitsTest,
                         ::testing::ValuesIn(StrippedPythons()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WindowLimitsTest);

TEST(HitCostTest, BothKindsOfTrapAreMeasuredInTime) {
  PLIMSOLL_NEEDS_BPF();
  const auto begin = std::chrono::steady_clock::now();
  const absl::StatusOr<core::HitCosts> costs =
      CalibrateHitCosts(KernelSupport::Detect());
  const auto spent = std::chrono::steady_clock::now() - begin;
  ASSERT_TRUE(costs.ok()) << costs.status();
  // No machine traps in 50 ns or needs a millisecond for it.
  EXPECT_GT(costs->emulated_ns, 50);
  EXPECT_LT(costs->emulated_ns, 1e6);
  EXPECT_GT(costs->single_stepped_ns, costs->emulated_ns);
  EXPECT_LT(std::chrono::duration<double>(spent).count(), 2.0);
}

}  // namespace
}  // namespace plimsoll::bpf
