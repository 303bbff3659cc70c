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

}  // namespace
}  // namespace plimsoll::core
