#include "collector/core/stats/robust_slope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>

#include "collector/core/stats/troughs.h"

namespace plimsoll::collector {
namespace {

enum class Errors { kWhite, kAr, kWalk, kPoisson, kSaw };

Epoch MakeSeries(Errors errors, int n, double slope, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Epoch out;
  double state = 0, level = 0;
  for (int i = 0; i < n; ++i) {
    const double e = normal(random);
    double y = slope * i;
    switch (errors) {
      case Errors::kWhite:
        y += e;
        break;
      case Errors::kAr:
        state = 0.6 * state + e;
        y += state;
        break;
      case Errors::kWalk:
        state += e;
        y += state;
        break;
      case Errors::kPoisson:  // all growth in lumps
        level += 4 * slope * std::poisson_distribution<int>(0.25)(random);
        y = level;
        break;
      case Errors::kSaw:
        y += 20 * ((i % 13) / 13.0) + 0.3 * e;
        break;
    }
    out.push_back({static_cast<double>(i), y});
  }
  return out;
}

struct Row {
  const char* name;
  Errors errors;
  int n;
  double slope;
  double least_held;  // coverage of the 95 % interval
  double most_false;  // |z| > 2.6 and an interval above zero, without a slope
};

class Slope : public ::testing::TestWithParam<Row> {};

TEST_P(Slope, IntervalHoldsTheTruth) {
  const Row& row = GetParam();
  constexpr int kSeeds = 300;
  int held = 0, found = 0, false_alarms = 0;
  std::vector<double> off;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    const auto seed64 = static_cast<uint64_t>(seed);
    const auto run = [&](double slope) {
      Epoch series = MakeSeries(row.errors, row.n, slope, seed64);
      if (row.errors == Errors::kSaw) series = FindTroughs(series).points;
      return FitSlope(series, 1.4);
    };
    const auto fit = run(row.slope);
    ASSERT_TRUE(fit.has_value());
    held += fit->slope.lo <= row.slope && row.slope <= fit->slope.hi;
    found += fit->slope.lo > 0 && fit->z > 2.6;
    off.push_back(std::abs(fit->slope.value - row.slope));
    const auto none = run(0);
    false_alarms += none && none->slope.lo > 0 && none->z > 2.6;
  }
  std::printf(
      "%-26s n %4d  CI holds %5.1f %%  found %5.1f %%  false %4.1f %%  median "
      "error %.1f %%\n",
      row.name, row.n, 100.0 * held / kSeeds, 100.0 * found / kSeeds,
      100.0 * false_alarms / kSeeds, 100 * Median(off) / row.slope);
  EXPECT_GE(held, row.least_held * kSeeds);
  EXPECT_LE(false_alarms, row.most_false * kSeeds);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Slope,
    ::testing::Values(
        Row{"white", Errors::kWhite, 96, 0.05, .95, .005},
        Row{"white, few", Errors::kWhite, 13, 1.0, .93, .01},
        Row{"AR(0.6)", Errors::kAr, 96, 0.1, .95, .02},
        Row{"random walk", Errors::kWalk, 96, 0.5, .85, .05},
        Row{"random walk, few", Errors::kWalk, 13, 1.0, .85, .05},
        Row{"compound Poisson", Errors::kPoisson, 96, 1.0, .85, 0},
        Row{"compound Poisson, few", Errors::kPoisson, 14, 1.0, .8, 0},
        Row{"saw, by its troughs", Errors::kSaw, 1200, 0.02, .9, .01}));

TEST(TheilSen, IsExactAndRobust) {
  Epoch line;
  for (int i = 0; i < 50; ++i) line.push_back({i * 10.0, 7 + 3.5 * i});
  EXPECT_NEAR(*TheilSen(std::span<const Epoch>(&line, 1)), 0.35, 1e-12);
  for (size_t i = 0; i < 48; i += 4) line[i].y += 1e6;
  EXPECT_NEAR(*TheilSen(std::span<const Epoch>(&line, 1)), 0.35, 0.01);
}

// Of many pairs only those near the median of a sample are sorted.
TEST(TheilSen, OfManyPairsIsTheMedianOfAllOfThem) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (const int kind : {0, 1, 2, 3}) {
    for (const int n : {91, 200, 399, 400}) {
      std::vector<Epoch> epochs(2);
      double level = 0;
      for (int i = 0; i < n; ++i) {
        level += normal(random);
        const double y = kind == 0   ? normal(random)
                         : kind == 1 ? level
                         : kind == 2 ? std::floor(level / 8)  // ties
                                     : (i < n / 2 ? 0.0 : 1e9) + level;
        // Two looks at one moment are no pair.
        epochs[static_cast<size_t>(i % 7 == 3)].push_back({i - i % 5 * 0.5, y});
      }
      std::vector<double> all;
      for (const Epoch& e : epochs) {
        for (size_t i = 0; i < e.size(); ++i) {
          for (size_t j = i + 1; j < e.size(); ++j) {
            const double dt = e[j].t_s - e[i].t_s;
            if (dt > 0) all.push_back((e[j].y - e[i].y) / dt);
          }
        }
      }
      EXPECT_EQ(*TheilSen(epochs), Median(all)) << kind << " of " << n;
    }
  }
}

// S over its deviation, as counted pair by pair.
TEST(HamedRaoZ, CountsEachPair) {
  std::mt19937_64 random(4);
  Epoch epoch;
  double s = 0;
  for (int i = 0; i < 7; ++i) {  // too few for the correction
    epoch.push_back(
        {i * 1.0, std::floor(4 * std::generate_canonical<double, 32>(random))});
  }
  for (size_t i = 0; i < 7; ++i) {
    for (size_t j = i + 1; j < 7; ++j) {
      s += (epoch[j].y > epoch[i].y) - (epoch[j].y < epoch[i].y);
    }
  }
  double ties = 0;
  for (int value = 0; value < 4; ++value) {
    double q = 0;
    for (const Point& p : epoch) q += p.y == value;
    ties += q * (q - 1) * (2 * q + 5);
  }
  const double variance = (7 * 6 * 19 - ties) / 18;
  const double sign = s > 0 ? 1 : s < 0 ? -1 : 0;
  EXPECT_NEAR(HamedRaoZ(std::span<const Epoch>(&epoch, 1), 0),
              (s - sign) / std::sqrt(variance), 1e-12);
}

TEST(TheilSen, ARestartAddsNoSlope) {
  std::vector<Epoch> epochs(2);
  for (int i = 0; i < 20; ++i) {
    epochs[0].push_back({i * 1.0, 100.0 + i});
    epochs[1].push_back({100.0 + i, 10.0 + i});
  }
  EXPECT_NEAR(*TheilSen(epochs), 1.0, 1e-12);
}

TEST(TheilSen, SaysNothingOfTooLittle) {
  EXPECT_FALSE(FitSlope(Epoch{}, 1.4).has_value());
  EXPECT_FALSE(FitSlope(Epoch{{0, 1}, {1, 2}, {2, 3}}, 1.4).has_value());
  EXPECT_FALSE(FitSlope(Epoch{{5, 1}, {5, 2}, {5, 3}, {5, 4}}, 1.4));
}

TEST(TheilSen, LongSeriesAreThinnedNotRefused) {
  Epoch line;
  for (int i = 0; i < 20000; ++i) line.push_back({i * 1.0, 2.0 * i});
  EXPECT_NEAR(*TheilSen(std::span<const Epoch>(&line, 1)), 2.0, 1e-9);
}

TEST(Troughs, FollowTheFloorOfASaw) {
  Epoch saw;
  for (int i = 0; i < 1440; ++i) {
    saw.push_back({i * 10.0, 1000 + 0.01 * i + 200 * ((i % 37) / 37.0)});
  }
  const Troughs troughs = FindTroughs(saw);
  EXPECT_GT(troughs.resets, 30);
  EXPECT_GE(troughs.points.size(), 12u);
  for (const Point& p : troughs.points) {
    EXPECT_LT(p.y, 1000 + 0.01 * 1440 + 12);
  }
  EXPECT_NEAR(troughs.amplitude, 195, 10);
}

TEST(Troughs, OfNothingAreNone) {
  EXPECT_TRUE(FindTroughs({}).points.empty());
  EXPECT_TRUE(FindTroughs({{1, 1}}).points.empty());
  EXPECT_TRUE(FindTroughs({{1, 1}, {1, 2}}).points.empty());
}

}  // namespace
}  // namespace plimsoll::collector
