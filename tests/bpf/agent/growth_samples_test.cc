// Growth by page faults, as the agent samples it: of Pythons that it reads, and
// of those that are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "tests/bpf/agent/bpf_probes_fixture.h"

namespace plimsoll::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GrowthSamplesTest : public BpfProbesTest {
 protected:
  bool Sample(const BpfTarget& target, BpfProbes& probes) {
    if (!pages_.ok()) return false;
    probes.LookWith(kernel_, &looker_, &pages_, &time_);
    return probes.AttachGrowth(IdOf(target), target.process()).ok();
  }

 private:
  Pages pages_;
  testing::FakeInspector looker_;
};

// Workers that only touch what they inherited copied every page of it, and each
// copy was a row of growth.
TEST_F(GrowthSamplesTest, PagesCopiedAfterAForkAreNotGrowth) {
  BpfTarget target(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(target);
  ASSERT_TRUE(Sample(target, probes));
  const auto pages_grown = [&] {
    time_.Advance(61 * kSecond);
    const core::Tier1Sample sample = probes.Collect(id);
    EXPECT_EQ(sample.growth_refusal, "");
    int64_t rows = 0;
    if (!sample.growth) return rows;
    for (const core::StackCount& count : sample.growth->profile.counts) {
      rows += count.allocations;
    }
    return rows;
  };
  (void)pages_grown();  // what starting took
  for (int i = 0; i < 2; ++i) {
    const int64_t hits = probes.usage().hits;
    target.Command("fork 60 again 1");
    // Some pages of Python's own for a process to be forked by.
    EXPECT_LT(pages_grown(), 200);
    EXPECT_GT(probes.usage().hits - hits, 2000) << "nothing was copied";
  }
  target.Command("grow 1000");
  EXPECT_NEAR(static_cast<double>(pages_grown()), 1000, 100);
  probes.Detach(id);
}

// 3 us were assumed for the event and its program until the program had been
// timed, and from then on the event cost nothing.
TEST_F(GrowthSamplesTest, SampledFaultsAreChargedTheirEventToo) {
  BpfTarget target(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(target);
  ASSERT_TRUE(Sample(target, probes));
  target.Command("grow 2000");
  probes.Collect(id);
  const core::ProbeUsage usage = probes.usage();
  EXPECT_GT(usage.page_fault_hit_ns, 0);
  ASSERT_GE(usage.hits, 2000);
  EXPECT_GT(
      static_cast<double>(usage.cost_ns) / static_cast<double>(usage.hits),
      usage.page_fault_hit_ns);
}

// What cannot be read has its growth sampled all the same.
TEST_F(GrowthSamplesTest, ARefusedPythonsGrowthIsSampledByNativeStacks) {
  BpfTarget target(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(target);
  const int before = OpenLinks();
  const auto rung = probes.AttachNativeGrowth(id);
  ASSERT_TRUE(rung.ok()) << rung.status();
  EXPECT_EQ(*rung, "page-faults");
  EXPECT_GT(OpenLinks(), before);
  target.Command("grow 2000");
  EXPECT_FALSE(probes.Collect(id).growth.has_value());  // once a minute
  target.Command("grow 4000");
  time_.Advance(61 * kSecond);
  const core::Tier1Sample sample = probes.Collect(id);
  EXPECT_EQ(sample.growth_refusal, "");
  EXPECT_THAT(sample.losses, IsEmpty());
  ASSERT_TRUE(sample.growth.has_value());
  const core::RawProfile& raw = *sample.growth;
  ASSERT_FALSE(raw.snapshots.empty());
  ASSERT_EQ(raw.profile.counts.size(), raw.snapshots.size());
  int64_t bytes = 0;
  for (const core::StackCount& count : raw.profile.counts) {
    bytes += count.allocated_bytes;
  }
  // Of 6,000 pages few are sampled, and stand for the rest; the first ones may
  // all be of code that was not touched before, which is no growth.
  EXPECT_GT(bytes, 12'000'000);
  EXPECT_LT(bytes, 30'000'000);
  EXPECT_GT(probes.usage().cost_ns, 0);
  probes.Detach(id);
  EXPECT_EQ(OpenLinks(), before);
}

TEST_F(GrowthSamplesTest, NativeStacksPastTheirBudgetEndAndComeBack) {
  BpfTarget target(StrippedPythons()[0], kScript);
  core::GovernorOptions options;
  options.tier1_average_share = 1e-7;  // 30 us in five minutes
  BpfProbes probes = Make(options);
  const core::ProcessId id = IdOf(target);
  ASSERT_TRUE(probes.AttachNativeGrowth(id).ok());
  target.Command("grow 2000");
  core::Tier1Sample sample = probes.Collect(id);
  EXPECT_EQ(sample.losses["probe_budget"], 1);
  EXPECT_THAT(sample.growth_refusal, HasSubstr("budget"));
  EXPECT_EQ(probes.usage().revoked, 1);
  time_.Advance(1'000'000 * kSecond);
  EXPECT_EQ(probes.Collect(id).growth_refusal, "");
  EXPECT_EQ(probes.usage().revoked, 0);
}

}  // namespace
}  // namespace plimsoll::agent
