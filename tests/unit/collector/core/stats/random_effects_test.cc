#include "collector/core/stats/random_effects.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace plimsoll::collector {
namespace {

constexpr double kTrue = 10;

struct Cell {
  size_t replicas;
  double between;  // standard deviation of the true rates
};

// Errors differ by up to three times.
std::vector<Estimate> Draw(const Cell& cell, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> size(0.5, 1.5);
  std::vector<Estimate> rates;
  for (size_t i = 0; i < cell.replicas; ++i) {
    const double error = size(random);
    const double value =
        kTrue + cell.between * normal(random) + error * normal(random);
    rates.push_back({value, value - 1.96 * error, value + 1.96 * error});
  }
  return rates;
}

double ShareThatHolds(const Cell& cell,
                      Estimate (*mean_of)(const std::vector<Estimate>&)) {
  constexpr int kRuns = 2000;
  std::mt19937_64 random(7);
  int held = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Estimate mean = mean_of(Draw(cell, random));
    held += mean.lo <= kTrue && kTrue <= mean.hi;
  }
  return static_cast<double>(held) / kRuns;
}

TEST(RandomEffects, TheIntervalHoldsWhenReplicasDiffer) {
  for (const size_t replicas : {3, 4, 6, 12}) {
    for (const double between : {0.0, 0.5, 1.0, 3.0}) {
      const double held = ShareThatHolds({replicas, between}, &MeanRate);
      EXPECT_GE(held, 0.90) << replicas << " replicas, " << between;
      EXPECT_LE(held, 0.99) << replicas << " replicas, " << between;
    }
  }
  EXPECT_LT(ShareThatHolds({6, 3}, &OwnMeanOf), 0.6)
      << "the errors of the rates alone do not hold, or nothing is tested";
}

TEST(RandomEffects, OfTwoThatDifferItHoldsLessOften) {
  EXPECT_GE(ShareThatHolds({2, 0}, &MeanRate), 0.93);
  EXPECT_GE(ShareThatHolds({2, 3}, &MeanRate), 0.7);
}

TEST(RandomEffects, OneReplicaIsItself) {
  const Estimate one{5, 4, 7};
  EXPECT_EQ(MeanRate({one}), one);
  EXPECT_TRUE(std::isinf(MeanRate({}).hi));
}

TEST(RandomEffects, OneOutlyingReplicaWidensTheInterval) {
  const Estimate rest{1, 0.9, 1.1};
  std::vector<Estimate> rates(11, rest);
  rates.push_back({13, 12.9, 13.1});
  const Estimate mean = MeanRate(rates);
  EXPECT_NEAR(mean.value, 2, 1e-9);
  EXPECT_GT(mean.hi - mean.value, 2) << "the next pod may be such a one";
  EXPECT_EQ(mean.lo, 0) << "all rise, so their mean does not fall";
  EXPECT_LT(OwnMeanOf(rates).hi, 2.1);
}

TEST(RandomEffects, ARateWithoutAnIntervalIsNoErrorOfZero) {
  const double infinite = std::numeric_limits<double>::infinity();
  const Estimate mean = MeanRate({{1, 0, 2}, {9, -infinite, infinite}});
  EXPECT_NEAR(mean.value, 5, 1e-9);
  EXPECT_TRUE(std::isinf(mean.hi));
}

TEST(RandomEffects, TheVarianceBetweenIsDerSimonianAndLairds) {
  // Weights 1, 1 and a quarter.
  const std::vector<Effect> effects = {{0, 1}, {2, 1}, {10, 4}};
  const double mean = (0 + 2 + 2.5) / 2.25;
  const double q =
      mean * mean + (2 - mean) * (2 - mean) + 0.25 * (10 - mean) * (10 - mean);
  const double between = (q - 2) / (2.25 - 2.0625 / 2.25);
  EXPECT_NEAR(BetweenVariance(effects), between, 1e-9);
  const double a = 1 / (1 + between), c = 1 / (4 + between);
  EXPECT_NEAR(WeightedMean(effects).value, (2 * a + 10 * c) / (2 * a + c),
              1e-9);
  EXPECT_NEAR(WeightedMean(effects).variance, 1 / (2 * a + c), 1e-9);
  EXPECT_EQ(BetweenVariance({{1, 1}, {1.1, 1}, {0.9, 1}}), 0);
}

TEST(RandomEffects, FewValuesHaveStudentsWidth) {
  EXPECT_NEAR(Width95(2), 1.96, 1e-9) << "t of two would say nothing";
  EXPECT_NEAR(Width95(3), 4.303, 1e-3);
  EXPECT_NEAR(Width95(6), 2.571, 1e-3);
}

}  // namespace
}  // namespace plimsoll::collector
