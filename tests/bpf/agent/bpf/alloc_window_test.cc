// The kernel's counts beside what the target itself did. The truth comes from a
// counting hook in the target (counting_allocator.c), read from outside while
// the target is at rest: every call between two moments of rest is in both.
#include "agent/bpf/alloc_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "agent/core/window_balance.h"
#include "agent/heap/census.h"
#include "agent/procfs/proc_root.h"
#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/bpf/agent/bpf/window_truth.h"
#include "tests/support/bpf_requirement.h"

namespace plimsoll::bpf {
namespace {

using ::plimsoll::testing::BpfTarget;
using ::plimsoll::testing::CountingAllocator;
using ::plimsoll::testing::Differences;
using ::plimsoll::testing::kWindowScript;
using ::plimsoll::testing::PlainPythons;
using ::plimsoll::testing::ReadTruth;
using ::plimsoll::testing::StrippedPythons;
using ::plimsoll::testing::Sum;
using ::plimsoll::testing::SumOf;
using ::plimsoll::testing::TestName;
using ::plimsoll::testing::Truth;
using ::testing::HasSubstr;

class AllocWindowTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    absl::StatusOr<AllocProbe> probe =
        AllocProbe::Create(KernelSupport::Detect());
    ASSERT_TRUE(probe.ok()) << probe.status();
    probe_.emplace(*std::move(probe));
  }

  AllocWindow Open(const BpfTarget& target, AllocWindowOptions options = {}) {
    absl::StatusOr<AllocWindow> window =
        probe_->OpenWindow(target.process(), options);
    if (!window.ok()) {
      ADD_FAILURE() << window.status();
      std::abort();
    }
    return *std::move(window);
  }

  static core::HeapCensus TakeCensus(const BpfTarget& target) {
    const auto maps = procfs::ProcRoot("/proc").ReadMaps(target.pid());
    if (!maps.ok()) ADD_FAILURE() << maps.status();
    absl::StatusOr<core::HeapCensus> census = heap::TakeCensus(
        ::plimsoll::testing::LiveMemory(target.pid()),
        maps.value_or(std::vector<core::Mapping>{}), target.process(), {});
    if (!census.ok()) ADD_FAILURE() << census.status();
    return census.ok() ? *std::move(census) : core::HeapCensus{};
  }

  std::optional<AllocProbe> probe_;
};

// The symbols of these builds see every call.
class PlainAllocWindowTest : public AllocWindowTest {};

TEST_P(PlainAllocWindowTest, CountsAreThoseOfTheTarget) {
  ASSERT_FALSE(CountingAllocator().empty());
  BpfTarget target(GetParam(), kWindowScript, {CountingAllocator()});
  ASSERT_NE(target.Number("counted"), 0u);
  target.WaitIdle();
  const Truth before = ReadTruth(target);
  AllocWindow window = Open(target);
  target.Command("make_vessels 400 make_masts 150 make_lists 70 churn 900");
  target.Command("drop_all 0");
  const WindowCounts counts = window.Close();
  const Truth after = ReadTruth(target);

  EXPECT_THAT(Differences(counts, before, after), ::testing::IsEmpty());
  EXPECT_TRUE(counts.drops.empty())
      << counts.drops.begin()->first << " " << counts.drops.begin()->second;
  const auto typed = [&](core::ProbeKind probe, const char* type,
                         const char* code) {
    return SumOf(counts, {.probe = probe,
                          .type = target.Number(type),
                          .code = target.Number(code)});
  };
  using core::ProbeKind;
  EXPECT_EQ(typed(ProbeKind::kTypeGenericAlloc, "Vessel", "make_vessels"),
            (Sum{400, 0}));
  EXPECT_EQ(typed(ProbeKind::kTypeGenericAlloc, "Mast", "make_masts"),
            (Sum{150, 0}));
  EXPECT_EQ(typed(ProbeKind::kObjectMalloc, "Vessel", "make_vessels"),
            (Sum{400, 0}));
  EXPECT_EQ(typed(ProbeKind::kObjectMalloc, "Mast", "make_masts"),
            (Sum{150, 0}));
  EXPECT_EQ(typed(ProbeKind::kObjectFree, "Vessel", "drop_all"), (Sum{0, 400}));
  EXPECT_EQ(typed(ProbeKind::kObjectFree, "Mast", "drop_all"), (Sum{0, 150}));
  // No instance was made or freed anywhere else.
  for (const char* type : {"Vessel", "Mast"}) {
    const int64_t n = type[0] == 'V' ? 400 : 150;
    EXPECT_EQ(SumOf(counts, {.probe = ProbeKind::kObjectMalloc,
                             .type = target.Number(type)}),
              (Sum{n, 0}));
    EXPECT_EQ(SumOf(counts, {.probe = ProbeKind::kObjectFree,
                             .type = target.Number(type)}),
              (Sum{0, n}));
  }
}

TEST_P(PlainAllocWindowTest, WithoutTheMallocProbeTheComparisonFails) {
  BpfTarget target(GetParam(), kWindowScript, {CountingAllocator()});
  target.WaitIdle();
  const Truth before = ReadTruth(target);
  AllocWindow window =
      Open(target, {.kinds = {core::ProbeKind::kTypeGenericAlloc,
                              core::ProbeKind::kObjectFree}});
  target.Command("make_vessels 400 churn 100");
  const WindowCounts counts = window.Close();
  EXPECT_THAT(Differences(counts, before, ReadTruth(target)),
              ::testing::Contains(HasSubstr("malloc")));
}

// Slotted instances come from the object allocator alone: their size class
// agrees with the census where the symbols see all.
TEST_P(PlainAllocWindowTest, NetCountsAgreeWithTheCensus) {
  BpfTarget target(GetParam(), kWindowScript);
  target.WaitIdle();
  const core::HeapCensus before = TakeCensus(target);
  AllocWindow window = Open(target);
  target.Command("make_masts 4000");
  const WindowCounts counts = window.Close();
  const core::HeapCensus after = TakeCensus(target);
  core::StackProfile profile;
  profile.counts = counts.counts;
  core::BalanceWindow(before, after, true, counts.drops, profile);
  const auto& rows = profile.balance;
  const auto largest = std::max_element(
      rows.begin(), rows.end(), [](const auto& a, const auto& b) {
        return a.census_change < b.census_change;
      });
  ASSERT_NE(largest, rows.end());
  EXPECT_GE(largest->census_change, 4000);
  EXPECT_EQ(largest->allocations - largest->frees, largest->census_change)
      << largest->block_bytes << "-byte blocks";
  EXPECT_FALSE(profile.net_counts_refused) << profile.refusal;
}

// Programs that preempt each other share maps and per-CPU room: no count and no
// stack may be lost or land with another process.
TEST_P(PlainAllocWindowTest, BusyNeighboursDoNotDisturb) {
  std::vector<std::unique_ptr<BpfTarget>> targets;
  std::vector<Truth> before;
  std::vector<AllocWindow> windows;
  for (int i = 0; i < 4; ++i) {
    targets.push_back(std::make_unique<BpfTarget>(
        GetParam(), kWindowScript,
        std::vector<std::string>{CountingAllocator()}));
    targets.back()->WaitIdle();
    before.push_back(ReadTruth(*targets.back()));
    windows.push_back(Open(*targets.back()));
  }
  for (int i = 0; i < 4; ++i) {
    targets[i]->target().WriteLine("make_vessels " + std::to_string(3000 + i) +
                                   " churn 2000");
  }
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(targets[i]->target().ReadLine(), "done");
    targets[i]->WaitIdle();
    const WindowCounts counts = windows[i].Close();
    EXPECT_THAT(Differences(counts, before[i], ReadTruth(*targets[i])),
                ::testing::IsEmpty());
    EXPECT_EQ(SumOf(counts, {.probe = core::ProbeKind::kTypeGenericAlloc,
                             .type = targets[i]->Number("Vessel"),
                             .code = targets[i]->Number("make_vessels")}),
              (Sum{3000 + i, 0}));
    EXPECT_TRUE(counts.drops.empty()) << counts.drops.begin()->first;
  }
}

INSTANTIATE_TEST_SUITE_P(Pythons, PlainAllocWindowTest,
                         ::testing::ValuesIn(PlainPythons(7, 15)), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PlainAllocWindowTest);

// These builds inline the allocator: only the typed counts hold.
class StrippedAllocWindowTest : public AllocWindowTest {};

// The size class of one instance, by what the target's sys.getsizeof says.
int64_t BlockOf(const BpfTarget& target, const std::string& type) {
  const auto bytes = static_cast<int64_t>(target.Number("bytes_of_" + type));
  return (bytes + 15) / 16 * 16;
}

TEST_P(StrippedAllocWindowTest, TypedAllocatorsSeeEveryInstance) {
  BpfTarget target(GetParam(), kWindowScript);
  target.WaitIdle();
  AllocWindow window = Open(target);
  target.Command("make_vessels 400 make_masts 150 make_lists 70");
  const WindowCounts counts = window.Close();
  EXPECT_EQ(SumOf(counts, {.probe = core::ProbeKind::kTypeGenericAlloc,
                           .type = target.Number("Vessel"),
                           .code = target.Number("make_vessels")}),
            (Sum{400, 0, 400 * BlockOf(target, "Vessel")}));
  EXPECT_EQ(SumOf(counts, {.probe = core::ProbeKind::kTypeGenericAlloc,
                           .type = target.Number("Mast"),
                           .code = target.Number("make_masts")}),
            (Sum{150, 0, 150 * BlockOf(target, "Mast")}));
  EXPECT_TRUE(counts.drops.empty());
}

// The hook's own count of one size class beside the typed allocator's, on
// builds of which the other calls pass no symbol.
TEST_P(StrippedAllocWindowTest, TypedCountsAreWhatTheAllocatorWasAskedFor) {
  ASSERT_FALSE(CountingAllocator().empty());
  BpfTarget target(GetParam(), kWindowScript, {CountingAllocator()});
  if (target.Number("counted") == 0) {
    GTEST_SKIP() << "the target's root has no counting allocator";
  }
  target.WaitIdle();
  const int64_t block = BlockOf(target, "Mast");
  const auto asked_by = [&](const std::string& command) {
    const auto size_class = static_cast<size_t>(block / 16);
    const auto asked = [&] {
      const Truth truth = ReadTruth(target);
      return static_cast<int64_t>(truth.mallocs[size_class] +
                                  truth.callocs[size_class]);
    };
    const int64_t before = asked();
    target.Command(command);
    return asked() - before;
  };
  // Reading and splitting the command's line takes some of that size, too; the
  // first time one more.
  asked_by("make_masts 0000 churn 900");
  const int64_t others = asked_by("make_masts 0000 churn 900");
  AllocWindow window = Open(target);
  const int64_t masts = asked_by("make_masts 3000 churn 900") - others;
  const WindowCounts counts = window.Close();
  EXPECT_EQ(masts, 3000);
  const Sum truth = {masts, 0, masts * block};
  EXPECT_EQ(SumOf(counts, {.probe = core::ProbeKind::kTypeGenericAlloc,
                           .type = target.Number("Mast"),
                           .code = target.Number("make_masts")}),
            truth);
  // Its own stack and no other.
  EXPECT_EQ(SumOf(counts, {.probe = core::ProbeKind::kTypeGenericAlloc,
                           .type = target.Number("Mast")}),
            truth);
}

// What the probes miss here would be a phantom leak, or hide a real one.
TEST_P(StrippedAllocWindowTest, NetCountsAreRefusedBesideTheCensus) {
  BpfTarget target(GetParam(), kWindowScript);
  target.WaitIdle();
  const core::HeapCensus before = TakeCensus(target);
  AllocWindow window = Open(target);
  target.Command("make_vessels 3000 make_masts 2000");
  const WindowCounts counts = window.Close();
  const core::HeapCensus after = TakeCensus(target);
  core::StackProfile profile;
  profile.counts = counts.counts;
  core::BalanceWindow(before, after, true, counts.drops, profile);
  EXPECT_TRUE(profile.net_counts_refused);
  EXPECT_THAT(profile.refusal, HasSubstr("disagree"));
  // The census saw them all.
  int64_t change = 0;
  for (const auto& row : profile.balance) change += row.census_change;
  EXPECT_GE(change, 5000);
}

INSTANTIATE_TEST_SUITE_P(Pythons, StrippedAllocWindowTest,
                         ::testing::ValuesIn(StrippedPythons()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StrippedAllocWindowTest);

}  // namespace
}  // namespace plimsoll::bpf
