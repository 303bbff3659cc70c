#include "collector/core/stats/pair_slopes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace plimsoll::collector {
namespace {

// As it is defined: of all slopes, one by one.
std::vector<double> AllSlopes(const std::vector<Epoch>& epochs) {
  std::vector<double> slopes;
  for (const Epoch& epoch : epochs) {
    for (size_t i = 0; i < epoch.size(); ++i) {
      for (size_t j = i + 1; j < epoch.size(); ++j) {
        const double dt = epoch[j].t_s - epoch[i].t_s;
        if (dt > 0) slopes.push_back((epoch[j].y - epoch[i].y) / dt);
      }
    }
  }
  return slopes;
}

struct Kind {
  const char* name;
  double noise, slope, walk;
  double grain = 0;     // levels are multiples of it
  double one_time = 0;  // share of points that have the time of the one before
};
constexpr Kind kKinds[] = {
    {"noise", 1e6, 0, 0},
    {"noise of pages", 1e5, 0, 0, 4096},
    {"mostly equal levels", 3, 0, 0, 4},
    {"all equal levels", 0, 0, 0},
    {"a straight line", 0, 1234.5, 0},
    {"all but a straight line", 1e-6, 1e3, 0},
    {"a leak", 1e6, 500, 1e6},
    {"a leak in whole requests", 1e6, 500, 1e6, 4096, 0.3},
    {"most points of one time", 1e6, 500, 0, 0, 0.95},
    {"a fall", 1e5, -2000, 1e5},
    {"a walk", 0, 0, 1e6},
};

std::vector<Epoch> Make(const Kind& kind, size_t epochs, int points,
                        uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<Epoch> out(epochs);
  for (Epoch& epoch : out) {
    double t = 1e4 * uniform(random), walk = 0;
    for (int i = 0; i < points; ++i) {
      if (uniform(random) >= kind.one_time) t += 290 + 20 * uniform(random);
      walk += kind.walk * normal(random);
      double y = 1e9 + kind.slope * t + walk + kind.noise * normal(random);
      if (kind.grain > 0) y = kind.grain * std::round(y / kind.grain);
      epoch.push_back({t, y});
    }
  }
  return out;
}

TEST(PairSlopes, TheMedianIsThatOfAllSlopesToTheLastDigit) {
  for (const Kind& kind : kKinds) {
    for (const int points : {2, 5, 60, 97, 288}) {
      for (uint64_t seed = 1; seed <= 3; ++seed) {
        const auto epochs = Make(kind, 1 + seed % 2, points, seed);
        const auto slopes = AllSlopes(epochs);
        const auto median = MedianPairSlope(epochs);
        ASSERT_EQ(median.has_value(), !slopes.empty());
        if (slopes.empty()) continue;
        EXPECT_EQ(*median, Median(slopes))
            << kind.name << ", " << points << " points, seed " << seed;
      }
    }
  }
}

TEST(PairSlopes, NoPairHasNoMedian) {
  EXPECT_FALSE(MedianPairSlope({}).has_value());
  EXPECT_FALSE(MedianPairSlope({{}, {{1, 1}}}).has_value());
  EXPECT_FALSE(MedianPairSlope({{{1, 1}, {1, 2}, {1, 3}}}).has_value());
  EXPECT_EQ(MedianPairSlope({{{1, 1}, {2, 3}}}), 2);
  // Time that goes back is skipped, as it always was.
  EXPECT_EQ(MedianPairSlope({{{2, 1}, {1, 7}, {3, 3}}}), 0);
}

TEST(PairSlopes, WhatIsNoNumberDoesNoHarm) {
  auto epochs = Make(kKinds[0], 1, 288, 1);
  epochs[0][7].y = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(MedianPairSlope(epochs).has_value());
}

TEST(PairSlopes, PairsAreCountedOnBothSidesOfASlope) {
  for (const Kind& kind : kKinds) {
    if (kind.one_time > 0) continue;  // such pairs are counted too
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      const Epoch epoch = Make(kind, 1, 97, seed)[0];
      double rises = 0, falls = 0;
      for (size_t i = 0; i < epoch.size(); ++i) {
        for (size_t j = i + 1; j < epoch.size(); ++j) {
          rises += epoch[j].y > epoch[i].y;
          falls += epoch[j].y < epoch[i].y;
        }
      }
      EXPECT_EQ(CountPairs(epoch, 0).rises_less_falls, rises - falls);
      const double median = MedianPairSlope({epoch}).value_or(0);
      EXPECT_GT(CountPairs(epoch, median - 1).rises_less_falls, 0) << kind.name;
      EXPECT_LT(CountPairs(epoch, median + 1).rises_less_falls, 0) << kind.name;
    }
  }
  EXPECT_EQ(CountPairs({}, 0).rises_less_falls, 0);
  const PairCount ties = CountPairs({{1, 5}, {2, 5}, {3, 5}, {4, 7}}, 0);
  EXPECT_EQ(ties.rises_less_falls, 3);
  EXPECT_EQ(ties.ties, 3 * 2 * 11);
}

}  // namespace
}  // namespace plimsoll::collector
