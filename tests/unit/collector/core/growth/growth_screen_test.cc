#include "collector/core/growth/growth_screen.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "collector/core/growth/growth_fit.h"

namespace plimsoll::collector {
namespace {

// Series about the bars, where a bound that is none would be seen.
Epoch Make(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const size_t points = 8 + seed % 280;
  const double kept = uniform(random), grain = seed % 4 == 0 ? 4096 : 0;
  const double span = 300.0 * static_cast<double>(points);
  const double slope = 1e5 * 4 * normal(random) / span;
  Epoch out;
  double state = 0, t = 0;
  for (size_t i = 0; i < points; ++i) {
    state = kept * state + normal(random);
    double y = 1e8 + slope * t + 1e5 * state;
    if (grain > 0) y = grain * std::round(y / grain);
    out.push_back({t, y});
    if (seed % 5 != 0 || uniform(random) > 0.2) t += 300;
  }
  return out;
}

TEST(GrowthScreen, WhatItTurnsDownIsBelowEveryBar) {
  const JudgementThresholds t;
  int turned_down = 0, slower = 0;
  for (uint64_t seed = 1; seed <= 600; ++seed) {
    const Epoch points = Make(seed);
    const auto fit = FitSlope(points, 1.4);
    if (!fit) continue;
    if (CannotBeSure(points, t)) {
      ++turned_down;
      EXPECT_LT(fit->z, t.min_z) << seed;
      EXPECT_GT(ChanceOf(fit->z), t.false_discovery_rate) << seed;
    }
    for (const double bar : {0.1, 5.0, 50.0}) {
      if (!IsSlowerThan(points, bar)) continue;
      ++slower;
      EXPECT_LT(fit->slope.value, bar) << seed;
    }
  }
  EXPECT_GT(turned_down, 120);
  EXPECT_GT(slower, 200);
}

TEST(GrowthScreen, ALineIsNotTurnedDown) {
  Epoch line;
  for (int i = 0; i < 288; ++i) line.push_back({i * 300.0, 1e8 + i});
  EXPECT_FALSE(CannotBeSure(line, JudgementThresholds{}));
  EXPECT_TRUE(IsSlowerThan(line, 1));
  EXPECT_FALSE(IsSlowerThan(line, 1e-3));
  EXPECT_TRUE(CannotBeSure({}, JudgementThresholds{}));
  EXPECT_FALSE(IsSlowerThan({}, 1));
}

}  // namespace
}  // namespace plimsoll::collector
