#include "agent/core/birth_shares.h"

#include <gtest/gtest.h>

#include <numeric>

namespace plimsoll::core {
namespace {

double Sum(const std::vector<double>& weights) {
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

TEST(WeighBirths, ASampleStandsForItsPartOfItsTime) {
  const std::vector<int64_t> born = {1, 2, 11};
  const std::vector<ObjectsAt> counts = {{0, 100}, {10, 120}, {20, 1120}};
  const std::vector<double> weights = WeighBirths(born, counts);
  ASSERT_EQ(weights.size(), 3U);
  EXPECT_DOUBLE_EQ(weights[0], 10);
  EXPECT_DOUBLE_EQ(weights[1], 10);
  EXPECT_DOUBLE_EQ(weights[2], 1000);
}

TEST(WeighBirths, AllOfTheGrowthIsShared) {
  const std::vector<int64_t> born = {5, 25, 26, 45};
  const std::vector<ObjectsAt> counts = {
      {0, 0}, {10, 50}, {20, 90}, {30, 70}, {40, 200}, {50, 300}, {60, 290}};
  EXPECT_NEAR(Sum(WeighBirths(born, counts)), 290, 1e-9);
}

TEST(WeighBirths, WithoutGrowthNothingIsClaimed) {
  EXPECT_TRUE(WeighBirths(std::vector<int64_t>{5},
                          std::vector<ObjectsAt>{{0, 9}, {9, 9}})
                  .empty());
  EXPECT_TRUE(WeighBirths({}, std::vector<ObjectsAt>{{0, 0}, {9, 9}}).empty());
}

TEST(ShareOf, HasWilsonsInterval) {
  // 94 of 94: 95 % lower bound 0.9607 (Wilson, computed independently).
  const std::vector<double> weights(94, 2.5);
  const ShareInterval all = ShareOf(weights, std::vector<bool>(94, true));
  EXPECT_DOUBLE_EQ(all.share, 1);
  EXPECT_NEAR(all.low, 0.9607, 1e-4);
  EXPECT_DOUBLE_EQ(all.high, 1);
  const ShareInterval none = ShareOf(weights, std::vector<bool>(94, false));
  EXPECT_NEAR(none.high, 0.0393, 1e-4);
}

TEST(ShareOf, UnequalWeightsWidenIt) {
  std::vector<bool> of(20, false);
  of[0] = true;
  std::vector<double> weights(20, 1);
  const ShareInterval equal = ShareOf(weights, of);
  weights[0] = 10;
  const ShareInterval unequal = ShareOf(weights, of);
  EXPECT_GT(unequal.high - unequal.low, equal.high - equal.low);
  EXPECT_NEAR(unequal.share, 10.0 / 29, 1e-12);
}

TEST(ShareOf, NoSamplesSayNothing) {
  const ShareInterval nothing = ShareOf({}, {});
  EXPECT_DOUBLE_EQ(nothing.low, 0);
  EXPECT_DOUBLE_EQ(nothing.high, 1);
}

}  // namespace
}  // namespace plimsoll::core
