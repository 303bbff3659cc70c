#include "agent/core/cpu_budget.h"

#include <gtest/gtest.h>

namespace plimsoll::core {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(CpuBudgetTest, OverdraftIsPaidBackBeforeTheNextBegins) {
  CpuBudget budget(0.05, kSecond);
  budget.Update(0, 0);
  EXPECT_TRUE(budget.MayBegin());
  // One census of 3 s: 2 s over what was saved, which takes 40 s to earn.
  budget.Update(10 * kSecond, 3 * kSecond + kSecond / 2);
  EXPECT_FALSE(budget.MayBegin());
  budget.Update(49 * kSecond, 3 * kSecond + kSecond / 2);
  EXPECT_FALSE(budget.MayBegin());
  budget.Update(51 * kSecond, 3 * kSecond + kSecond / 2);
  EXPECT_TRUE(budget.MayBegin());
}

TEST(CpuBudgetTest, SavingsAreBounded) {
  CpuBudget budget(0.05, kSecond);
  budget.Update(0, 0);
  budget.Update(1'000'000 * kSecond, 0);
  EXPECT_EQ(budget.balance_ns(), kSecond);
}

TEST(CpuBudgetTest, LongRunShareIsTheBudget) {
  CpuBudget budget(0.05, kSecond);
  int64_t cpu = 0;
  for (int64_t now = 0; now < 3600 * kSecond; now += kSecond) {
    budget.Update(now, cpu);
    if (budget.MayBegin()) cpu += 7 * kSecond / 10;  // greedy
  }
  EXPECT_NEAR(static_cast<double>(cpu) / (3600.0 * kSecond), 0.05, 0.002);
}

}  // namespace
}  // namespace plimsoll::core
