// What a window on malloc must not do: cost too much, harm or outlive its
// process, count another one, leave anything behind.
#include <gmock/gmock.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "agent/bpf/hit_cost.h"
#include "tests/bpf/agent/bpf/malloc_fixture.h"
#include "tests/bpf/agent/bpf/probed_code.h"

namespace plimsoll::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRestNs = 20'000'000;

class MallocLimitsTest : public MallocTest {
 protected:
  // What stands where the probes are.
  static std::vector<uint64_t> CodeAt(const BpfTarget& target,
                                      const core::MallocSites& sites) {
    std::vector<uint64_t> code;
    const auto maps = procfs::ProcRoot("/proc").ReadMaps(target.pid());
    if (!maps.ok()) return code;
    for (const core::MallocSite& site : sites.sites) {
      for (const core::Mapping& m : *maps) {
        if (!m.executable || !m.path.ends_with(sites.module) ||
            site.file_offset < m.file_offset ||
            site.file_offset - m.file_offset >= m.end - m.start) {
          continue;
        }
        uint64_t word = 0;
        LiveMemory(target.pid())
            .Read(m.start + (site.file_offset - m.file_offset),
                  std::as_writable_bytes(std::span(&word, 1)));
        code.push_back(word);
      }
    }
    return code;
  }
  static void Rest() {
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
  }
};

TEST_P(MallocLimitsTest, AWindowLeavesNothingBehind) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  const core::MallocSites sites = SitesOf(target);
  const size_t descriptors = OpenDescriptors();
  const std::vector<uint64_t> code = CodeAt(target, sites);
  ASSERT_GE(code.size(), 6u);
  for (int i = 0; i < 3; ++i) {
    bpf::MallocWindow window = Open(target, {.rest_ns = kRestNs});
    EXPECT_NE(CodeAt(target, sites), code) << "no probe is in place";
    target.Command("malloc 10 100");
    if (i == 0) continue;  // destroyed without Close
    Rest();
    const auto rows = Name(target, Close(target, window).counts);
    EXPECT_EQ(SumOf(rows, "malloc_one"), (MallocSum{10, 0, 10}))
        << "counts of the window before";
  }
  EXPECT_EQ(CodeAt(target, sites), code);
  EXPECT_EQ(OpenDescriptors(), descriptors);
}

TEST_P(MallocLimitsTest, OneWindowAtATime) {
  BpfTarget one(GetParam(), kMallocScript, {library_.path()});
  BpfTarget other(GetParam(), kMallocScript, {library_.path()});
  {
    bpf::MallocWindow window = Open(one, {.rest_ns = kRestNs});
    EXPECT_EQ(TryOpen(other).status().code(), absl::StatusCode::kAlreadyExists);
    other.Command("malloc 30 100");
    one.Command("malloc 20 100");
    Rest();
    const auto rows = Name(one, Close(one, window).counts);
    EXPECT_EQ(SumOf(rows, "malloc_one"), (MallocSum{20, 0, 20}));
  }
  EXPECT_TRUE(TryOpen(other).ok());
}

TEST_P(MallocLimitsTest, AForkedChildIsAnotherProcess) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  target.Command("malloc 50 100");
  bpf::MallocWindow window = Open(target, {.rest_ns = kRestNs});
  target.Command("malloc 10 100");
  // The child makes as many and drops them, at the same addresses.
  target.Command("fork 500 100");
  target.Command("malloc 10 100");
  Rest();
  const bpf::MallocWindowResult result = Close(target, window);
  const auto rows = Name(target, result.counts);
  EXPECT_EQ(SumOf(rows, "malloc_one"), (MallocSum{20, 0, 20}))
      << Describe(rows);
  EXPECT_EQ(SumOf(rows, "churn_one"), (MallocSum{}));
  EXPECT_EQ(result.counts.refusal, "");
  EXPECT_EQ(target.target().Ended(), "");
}

TEST_P(MallocLimitsTest, AProcessThatBecomesAnotherSurvivesNothing) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  bpf::MallocWindow window = Open(target, {.rest_ns = kRestNs});
  target.Command("malloc 40 100");
  const uint64_t malloc_address = SitesOf(target).malloc_address;
  target.target().WriteLine("exec 0 0");
  ASSERT_EQ(target.target().ReadLine(), "done");
  const std::string path = "/proc/" + std::to_string(target.pid()) + "/cmdline";
  std::string arguments;
  for (int i = 0; i < 500 && arguments.find("sleep") == std::string::npos;
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    arguments.clear();
    std::getline(std::ifstream(path), arguments);
  }
  ASSERT_THAT(arguments, HasSubstr("sleep"));
  Rest();
  const bpf::MallocWindowResult result = Close(target, window);
  EXPECT_THAT(result.counts.refusal, HasSubstr("could not be looked at"));
  for (const core::MallocRow& row : result.counts.rows) {
    EXPECT_EQ(row.tally.surviving_blocks, 0);
  }
  const auto now = inspector_->FindMallocSites(target.process());
  EXPECT_TRUE(!now.ok() || now->malloc_address != malloc_address);
}

TEST_P(MallocLimitsTest, ATargetKilledInsideKeepsWhatWasCounted) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  bpf::MallocWindow window = Open(target, {.rest_ns = kRestNs});
  target.Command("malloc 40 100");
  target.target().Kill();
  const bpf::MallocWindowResult result = Close(target, window);
  EXPECT_TRUE(result.process_gone);
  int64_t allocations = 0, survived = 0;
  for (const core::MallocRow& row : result.counts.rows) {
    allocations += row.tally.allocations;
    survived += row.tally.surviving_blocks;
  }
  EXPECT_GE(allocations, 40);
  EXPECT_EQ(survived, 0);
  const auto again =
      probe_->OpenWindow(target.process(), core::MallocSites{}, {});
  EXPECT_EQ(again.status().code(), absl::StatusCode::kNotFound);
}

TEST_P(MallocLimitsTest, PastTheBudgetNothingIsSaidToSurvive) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  bpf::MallocWindow window =
      Open(target, {.hit_budget = 500, .rest_ns = kRestNs});
  target.Command("malloc 100 100");
  EXPECT_FALSE(window.Progress().budget_spent);
  target.Command("churn 1000 100");
  EXPECT_TRUE(window.Progress().budget_spent);
  Rest();
  const bpf::MallocWindowResult result = Close(target, window);
  EXPECT_THAT(result.counts.refusal, HasSubstr("budget"));
  EXPECT_EQ(result.counts.drops.at("probe_budget"),
            static_cast<int64_t>(result.progress.hits) - 500);
  const auto rows = Name(target, result.counts);
  EXPECT_EQ(SumOf(rows, "malloc_one"), (MallocSum{100, 0, 0}));
}

// More blocks than the map holds: each allocation is counted, and that some
// are not kept is said.
TEST_P(MallocLimitsTest, WhatFindsNoRoomIsCounted) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  bpf::MallocWindow window = Open(target, {.rest_ns = kRestNs});
  target.Command("malloc 70000 24");
  Rest();
  const bpf::MallocWindowResult result = Close(target, window);
  const auto rows = Name(target, result.counts);
  const core::MallocTally tally = TallyOf(rows, "malloc_one");
  EXPECT_EQ(tally.allocations, 70000);
  EXPECT_GE(result.counts.not_kept, 70000 - 65536);
  EXPECT_EQ(result.counts.drops.at("map_full"), result.counts.not_kept);
  EXPECT_GT(tally.surviving_blocks, 60000);
  EXPECT_LE(tally.surviving_blocks, 65536);
}

TEST_P(MallocLimitsTest, APilotPastTheBoundRefusesWithTheFigures) {
  const auto costs = bpf::CalibrateHitCosts(kernel_);
  ASSERT_TRUE(costs.ok()) << costs.status();
  const auto return_ns = bpf::CalibrateReturnCost(kernel_, *costs);
  ASSERT_TRUE(return_ns.ok()) << return_ns.status();
  EXPECT_GT(*return_ns, 0);
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  bpf::MallocWindowOptions options;
  options.costs = *costs;
  options.return_ns = *return_ns;
  EXPECT_TRUE(TryOpen(target, options).ok());

  // Low, because a machine busy with other things gives a target little of a
  // core to spend.
  options.max_core_share = 0.02;
  BpfTarget busy(GetParam(), kMallocScript, {library_.path()});
  const core::MallocSites sites = SitesOf(busy);
  const std::vector<uint64_t> code = CodeAt(busy, sites);
  busy.target().WriteLine("churn 300000000 100");
  const auto refused = TryOpen(busy, options);
  ASSERT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()),
              ::testing::AllOf(HasSubstr("% of a core"), HasSubstr("hits/s"),
                               HasSubstr("bound is 2 %")));
  EXPECT_EQ(CodeAt(busy, sites), code);
}

INSTANTIATE_TEST_SUITE_P(Stripped, MallocLimitsTest,
                         ::testing::ValuesIn(StrippedPythons()), TestName);

}  // namespace
}  // namespace plimsoll::testing
