// How often heaps are looked at, and which come first.
#include "tests/replay/agent/agent_fixture.h"

namespace plimsoll::agent {
namespace {

TEST_F(AgentTest, AnIdleHeapIsLeftAloneAfterItsFirstCensus) {
  AddPython(42, /*anon_kb=*/100'000);
  Start();
  time_.Advance(50 * kSecond);
  EXPECT_EQ(inspector_.full, 1);
  EXPECT_EQ(inspector_.headers, 1);
  time_.Advance(550 * kSecond);
  EXPECT_LE(inspector_.full, 3);
  EXPECT_GE(inspector_.headers, 4);
}

// One look at 20 GB must not cost what a hundred others do.
TEST_F(AgentTest, OfALargeHeapEachLookTakesAnotherSample) {
  AddPython(42, /*anon_kb=*/100'000);
  Start();
  time_.Advance(600 * kSecond);
  ASSERT_GE(inspector_.asked.size(), 2u);
  for (size_t i = 0; i < inspector_.asked.size(); ++i) {
    EXPECT_EQ(inspector_.asked[i].max_scan_bytes, int64_t{4} << 30);
    if (i == 0) continue;
    EXPECT_NE(inspector_.asked[i].seed, inspector_.asked[i - 1].seed);
  }
}

TEST_F(AgentTest, PastTheCpuBudgetHeapsAreLookedAtLessOften) {
  for (int32_t pid = 1; pid <= 20; ++pid) AddPython(100 + pid);
  Start();
  int64_t begin_full = inspector_.full;
  // Each second costs a tenth of one: twice the budget by itself.
  for (int i = 0; i < 600; ++i) {
    cpu_ns_ += kSecond / 10;
    time_.Advance(kSecond);
  }
  EXPECT_LT(inspector_.full + inspector_.headers - begin_full, 80);
  EXPECT_GT(agent_->status().losses["cpu_budget"], 0);
  EXPECT_EQ(reports_.size(), 60u);  // tier 0 goes on
}

// Twenty heaps at once would cost the first minute more than the agent's share;
// the one that leaks must not wait for its turn.
TEST_F(AgentTest, FirstLooksAreSpreadButWhatGrowsIsLookedAtFirst) {
  for (int32_t pid = 1; pid <= 20; ++pid) AddPython(100 + pid, 100'000);
  census_cost_ns_ = 28'000'000;
  Start();
  for (int second = 1; second <= 20; ++second) {
    root_.AddProcess(120).Status(100'000 + 200 * second);
    time_.Advance(kSecond);
  }
  EXPECT_LT(inspector_.full, 15);
  EXPECT_GE(inspector_.looked_at[120], 1);
  time_.Advance(40 * kSecond);
  EXPECT_LE(census_cost_ns_ * (inspector_.full + inspector_.headers),
            kSecond * 80 / 100);
  time_.Advance(60 * kSecond);
  EXPECT_EQ(inspector_.looked_at.size(), 20u);
  EXPECT_EQ(agent_->status().losses["cpu_budget"], 0);
}

// Tier 0 of a full node costs more than the share of routine looks; they must
// not wait for five minutes because of that.
TEST_F(AgentTest, AFullNodesTierZeroDoesNotHoldUpFirstLooks) {
  for (int32_t pid = 1; pid <= 10; ++pid) AddPython(100 + pid, 100'000);
  census_cost_ns_ = 28'000'000;
  Start();
  for (int second = 1; second <= 60; ++second) {
    cpu_ns_ += kSecond / 50;  // 2 % of a core
    time_.Advance(kSecond);
  }
  EXPECT_EQ(inspector_.looked_at.size(), 10u);
}

// What grows may use up the whole budget, but not keep the rest from ever
// being looked at.
TEST_F(AgentTest, GrowingHeapsDoNotStarveTheOthers) {
  for (int32_t pid = 101; pid <= 105; ++pid) AddPython(pid, 100'000);
  AddPython(120, 100'000);
  census_cost_ns_ = kSecond;
  Start();
  for (int second = 1; second <= 400; ++second) {
    for (int32_t pid = 101; pid <= 105; ++pid) {
      root_.AddProcess(pid).Status(100'000 + 500 * second);
    }
    time_.Advance(kSecond);
  }
  EXPECT_GE(inspector_.looked_at[120], 1);
}

}  // namespace
}  // namespace plimsoll::agent
