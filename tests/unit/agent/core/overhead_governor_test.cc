#include "agent/core/overhead_governor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace plimsoll::core {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;
const ProcessId kProcess{.pid = 42, .start_ticks = 7, .exec_seq = 0};
const ProcessId kOther{.pid = 43, .start_ticks = 7, .exec_seq = 0};

std::string Words(const absl::Status& status) {
  return std::string(status.message());
}

TEST(JudgePilotTest, TheBoundIsAShareOfACore) {
  // 20,000 hits of 1 us in 100 ms: a fifth of a core.
  EXPECT_TRUE(JudgePilot(20'000, kSecond / 10, 20e6, 0.2).ok());
  const absl::Status refused = JudgePilot(20'200, kSecond / 10, 20.2e6, 0.2);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Words(refused),
              AllOf(HasSubstr("20.2 % of a core"),
                    HasSubstr("202000 hits/s at 1000 ns"),
                    HasSubstr("over 100 ms"), HasSubstr("20 % of a core")));
}

TEST(JudgePilotTest, NothingSeenIsNoCost) {
  EXPECT_TRUE(JudgePilot(0, kSecond, 0, 0.2).ok());
  EXPECT_TRUE(JudgePilot(0, 0, 0, 0.2).ok());
}

TEST(OverheadGovernorTest, AnUncalibratedHitIsNotGranted) {
  OverheadGovernor governor({});
  EXPECT_EQ(governor.Request(kProcess, Tier::kStacks, 100, 0, kSecond, 0)
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(OverheadGovernorTest, AWindowPastAFifthOfACoreIsRefused) {
  OverheadGovernor governor({});
  EXPECT_TRUE(
      governor.Request(kProcess, Tier::kStacks, 199'000, 1000, kSecond, 0)
          .ok());
  const auto refused =
      governor.Request(kProcess, Tier::kStacks, 201'000, 1000, kSecond, 0);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Words(refused.status()),
              AllOf(HasSubstr("pid 42"), HasSubstr("20.1 % of a core")));
}

TEST(OverheadGovernorTest, TheGrantBoundsTheHitsWhateverTheRateBecomes) {
  OverheadGovernor governor({});
  // Predicted: 1 % of a core. Bound: a fifth of a core for 5 s, 1 s of cost.
  const auto grant =
      governor.Request(kProcess, Tier::kStacks, 10'000, 1000, 5 * kSecond, 0);
  ASSERT_TRUE(grant.ok());
  EXPECT_DOUBLE_EQ(grant->predicted_core_share, 0.01);
  EXPECT_EQ(grant->hit_budget, 1'000'000u);
  // 100 s at a fifth would be 20 s; the bucket holds 6.
  const auto longer =
      governor.Request(kProcess, Tier::kStacks, 10'000, 1000, 100 * kSecond, 0);
  ASSERT_TRUE(longer.ok());
  EXPECT_EQ(longer->hit_budget, 6'000'000u);
}

TEST(OverheadGovernorTest, TheAverageStaysUnderTheTiersShare) {
  // Spends whenever it may, for an hour: never more than 2 % and one bucket.
  OverheadGovernor governor({});
  double spent_ns = 0;
  for (int64_t second = 0; second < 3600; ++second) {
    const int64_t now = second * kSecond;
    const auto grant =
        governor.Request(kProcess, Tier::kStacks, 100'000, 1000, kSecond, now);
    if (!grant.ok()) continue;
    spent_ns += 0.1 * kSecond;
    governor.Spend(kProcess, Tier::kStacks, 0.1 * kSecond, now).IgnoreError();
  }
  EXPECT_LE(spent_ns, 0.02 * 3600 * kSecond + 0.02 * 300 * kSecond + 1);
  EXPECT_GE(spent_ns, 0.02 * 3600 * kSecond);
}

TEST(OverheadGovernorTest, SpendingPastTheBucketRevokesAndSaysWhen) {
  OverheadGovernor governor({});
  EXPECT_TRUE(governor.Spend(kProcess, Tier::kStacks, 5.9 * kSecond, 0).ok());
  const absl::Status revoked =
      governor.Spend(kProcess, Tier::kStacks, 0.3 * kSecond, 0);
  EXPECT_EQ(revoked.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Words(revoked),
              AllOf(HasSubstr("2.0 % of a core"), HasSubstr("in 10 s")));
  // 0.2 s too much were spent: 10 s pay for them, 50 s for a second's window.
  EXPECT_EQ(governor.AffordableAt(kProcess, Tier::kStacks, kSecond, 0),
            60 * kSecond);
  EXPECT_EQ(governor
                .Request(kProcess, Tier::kStacks, 100'000, 1000, 10 * kSecond,
                         59 * kSecond)
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(governor
                  .Request(kProcess, Tier::kStacks, 100'000, 1000, 10 * kSecond,
                           61 * kSecond)
                  .ok());
}

TEST(OverheadGovernorTest, ProcessesAndTiersAreApart) {
  OverheadGovernor governor({});
  EXPECT_FALSE(governor.Spend(kProcess, Tier::kStacks, 10.0 * kSecond, 0).ok());
  EXPECT_TRUE(governor.Spend(kOther, Tier::kStacks, kSecond, 0).ok());
  EXPECT_TRUE(governor.Spend(kProcess, Tier::kGc, kSecond, 0).ok());
  // Tier 1's bound is a quarter: 0.5 % of 300 s.
  EXPECT_FALSE(governor.Spend(kProcess, Tier::kGc, 0.6 * kSecond, 0).ok());
  governor.Forget(kProcess);
  EXPECT_TRUE(governor.Spend(kProcess, Tier::kStacks, kSecond, 0).ok());
}

TEST(OverheadGovernorTest, AClockThatGoesBackGivesNothing) {
  OverheadGovernor governor({});
  EXPECT_FALSE(
      governor.Spend(kProcess, Tier::kStacks, 7.0 * kSecond, 100 * kSecond)
          .ok());
  EXPECT_FALSE(governor.Spend(kProcess, Tier::kStacks, 1, 10 * kSecond).ok());
  EXPECT_FALSE(governor.Spend(kProcess, Tier::kStacks, 1, 100 * kSecond).ok());
}

TEST(HitCostsTest, TheProgramAddsToTheTrap) {
  const HitCosts costs{
      .emulated_ns = 550, .single_stepped_ns = 19'000, .program_ns = 300};
  EXPECT_DOUBLE_EQ(costs.PerHit(ProbeCost::kEmulated), 850);
  EXPECT_DOUBLE_EQ(costs.PerHit(ProbeCost::kSingleStepped), 19'300);
  EXPECT_FALSE(HitCosts{}.known());
}

TEST(OverheadGovernorTest, KeepsAnAccountOfEachTier) {
  OverheadGovernor governor({});
  EXPECT_EQ(governor.LeastLeft(Tier::kStacks, 0), 1);
  ASSERT_TRUE(
      governor.Request(kProcess, Tier::kStacks, 0, 1000, kSecond, 0).ok());
  EXPECT_FALSE(
      governor.Request(kProcess, Tier::kStacks, 1e9, 1000, kSecond, 0).ok());
  EXPECT_FALSE(governor.Request(kOther, Tier::kGc, 1, 0, kSecond, 0).ok());
  // The bucket of tier 4 holds 6 s.
  EXPECT_TRUE(governor.Spend(kProcess, Tier::kStacks, 1.5e9, 0).ok());
  EXPECT_NEAR(governor.LeastLeft(Tier::kStacks, 0), 0.75, 1e-9);
  EXPECT_NEAR(governor.LeastLeft(Tier::kStacks, 30 * kSecond), 0.85, 1e-9);
  EXPECT_FALSE(governor.Spend(kProcess, Tier::kStacks, 6e9, 0).ok());
  EXPECT_FALSE(governor.Spend(kProcess, Tier::kStacks, 1e9, 0).ok());
  const GovernorAccount& tier4 = governor.account(Tier::kStacks);
  EXPECT_EQ(tier4.granted, 1);
  EXPECT_EQ(tier4.refused, 1);
  EXPECT_EQ(tier4.revoked, 1) << "one grant ended, however often it is said";
  EXPECT_EQ(tier4.spent_ns, 8.5e9);
  EXPECT_LT(governor.LeastLeft(Tier::kStacks, 0), 0);
  EXPECT_EQ(governor.account(Tier::kGc).refused, 1);
  EXPECT_EQ(governor.account(Tier::kGc).revoked, 0);
  EXPECT_EQ(governor.LeastLeft(Tier::kGc, 0), 1);
  governor.Forget(kProcess);
  EXPECT_EQ(governor.LeastLeft(Tier::kStacks, 0), 1);
}

}  // namespace
}  // namespace plimsoll::core
