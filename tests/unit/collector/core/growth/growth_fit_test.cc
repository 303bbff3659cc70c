#include "collector/core/growth/growth_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <random>

#include "collector/core/growth/growth_shape.h"

namespace plimsoll::collector {
namespace {

constexpr double kRate = 1000;  // bytes per second

struct Series {
  Epoch floors;
  std::vector<double> requests;
};

// Twelve hours each five minutes. Load rises for eight of them and then falls:
// a load that only rises cannot be told from a leak.
Series Make(
    const std::function<double(double t_s, double load, double served)>& bytes,
    uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> noise(0, 2e5);
  Series out;
  double served = 0;
  for (int i = 0; i < 144; ++i) {
    const double t = i * 300.0;
    const double load = 1 - 0.7 * std::cos((t + 14400) / 86400 * 6.2832);
    const double now = std::poisson_distribution<int>(3000 * load)(random);
    served += now;
    out.floors.push_back({t, 1e8 + bytes(t, load, served) + noise(random)});
    out.requests.push_back(now);
  }
  return out;
}

GrowthFit Fit(const Series& s, bool with_requests) {
  const auto fit = FitGrowth(
      s.floors, with_requests ? s.requests : std::vector<double>(144, 0), 1.4);
  EXPECT_TRUE(fit.has_value());
  return fit.value_or(GrowthFit{});
}

TEST(GrowthFit, ALineIsFound) {
  const auto line = Make([](double t, double, double) { return kRate * t; }, 1);
  for (const bool with : {false, true}) {
    const GrowthFit fit = Fit(line, with);
    EXPECT_GT(fit.z, 5);
    EXPECT_LE(fit.slope.lo, kRate);
    EXPECT_GE(fit.slope.hi, kRate);
    EXPECT_NEAR(fit.slope.value, kRate, 0.05 * kRate);
    EXPECT_GT(LeastThird(fit), 0.8);
    EXPECT_LT(StepShare(fit), 0.1);
  }
}

TEST(GrowthFit, ALeakByRequestsIsALineInThem) {
  const auto leak =
      Make([](double, double, double served) { return 100 * served; }, 2);
  const GrowthFit by_time = Fit(leak, false), by_requests = Fit(leak, true);
  EXPECT_TRUE(by_requests.of.by_requests);
  EXPECT_LT(LeastThird(by_time), 0.85);
  EXPECT_GT(LeastThird(by_requests), 0.9);
  const double served =
      std::accumulate(leak.requests.begin(), leak.requests.end(), 0.0);
  const double truth = 100 * served / leak.floors.back().t_s;
  EXPECT_NEAR(by_requests.slope.value, truth, 0.1 * truth);
}

TEST(GrowthFit, MemoryThatFollowsLoadIsTakenOut) {
  const auto load = Make([](double, double l, double) { return 3e7 * l; }, 3);
  EXPECT_GT(Fit(load, false).slope.value, 0.3 * 3e7 / 43200)
      << "without requests it looks like growth";
  const GrowthFit fit = Fit(load, true);
  EXPECT_TRUE(fit.of.load_taken_out);
  EXPECT_LT(std::abs(fit.slope.value), 0.1 * 3e7 / 43200);
}

// Six hours of floors, with so many requests before each.
Series Hours(const std::function<double(double h)>& bytes,
             const std::function<double(double h)>& requests, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> noise(0, 2e5);
  Series out;
  for (int i = 0; i < 72; ++i) {
    const double h = i / 12.0;
    out.floors.push_back({h * 3600, 1e8 + bytes(h) + noise(random)});
    out.requests.push_back(std::poisson_distribution<int>(requests(h))(random));
  }
  return out;
}

TEST(GrowthFit, LoadThatOnlyRisesMayBeTheGrowth) {
  const auto rises = [](double h) { return 3000 * (1 + h / 6); };
  const auto even = [](double) { return 3000.0; };
  const auto grows = [](double h) { return 4e6 * h; };
  const auto follows = [&](const std::function<double(double)>& requests) {
    const Series s = Hours(grows, requests, 1);
    return LoadShare(FitGrowth(s.floors, s.requests, 1.4).value_or(GrowthFit{}),
                     s.floors);
  };
  EXPECT_GT(follows(rises), 0.8);
  EXPECT_LT(follows(even), 0.2);
  EXPECT_EQ(follows([](double) { return 0.001; }), 0)
      << "no requests are counted";
}

TEST(GrowthFit, AFillBendsWhereRequestsThatBecomeFewerWouldStraightenIt) {
  const auto fewer = [](double h) { return 6000 * std::exp(-h / 2); };
  const auto fills = [](double h) { return 4e7 * (1 - std::exp(-h / 2)); };
  const Series s = Hours(fills, fewer, 1);
  const auto fit = FitGrowth(s.floors, s.requests, 1.4);
  ASSERT_TRUE(fit.has_value());
  ASSERT_TRUE(fit->of.by_requests);
  EXPECT_GT(LeastThird(*fit), 0.8) << "a line in requests";
  EXPECT_LT(LateOverEarly(*fit, s.floors), 0.5);
}

TEST(GrowthFit, AStepIsNamedOne) {
  const auto step =
      Make([](double t, double, double) { return t < 2e4 ? 0 : 3e7; }, 4);
  EXPECT_GT(StepShare(Fit(step, false)), 0.8);
}

// The largest of a few jumps is a good part of any rise.
TEST(GrowthFit, EvenGrowthOfFewTroughsIsNoStep) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> noise(0, 0.3 * 3600 * kRate);
    Epoch few;
    for (int i = 0; i < 9; ++i) {
      const double t = i * 3600.0;
      few.push_back({t, 1e9 + kRate * t + noise(random)});
    }
    const auto fit = FitGrowth(few, std::vector<double>(9, 0), 1.4);
    ASSERT_TRUE(fit.has_value());
    EXPECT_LT(StepShare(*fit), 0.5) << seed;
  }
}

TEST(GrowthFit, WhatWasGainedIsTheDifferenceOfTheEnds) {
  const auto bend =
      Make([](double t, double,
              double) { return t < 21600 ? 0 : kRate * (t - 21600); },
           6);
  const GrowthFit fit = Fit(bend, false);
  EXPECT_NEAR(fit.gained.value, 0.5 * kRate, 0.05 * kRate);
  EXPECT_NEAR(fit.bend, kRate, 0.1 * kRate);
}

TEST(GrowthFit, TheTroughsOfASawAreFitted) {
  const auto saw =
      Make([](double t, double,
              double) { return kRate * t + 3e7 * std::fmod(t / 3600, 1.0); },
           5);
  const GrowthFit fit = Fit(saw, false);
  EXPECT_GE(fit.of.resets, 10);
  EXPECT_NEAR(fit.slope.value, kRate, 0.1 * kRate);
  EXPECT_GT(fit.of.amplitude, 2e7);
  EXPECT_GT(fit.slope.lo, 0);
}

TEST(GrowthFit, TooLittleIsNothing) {
  EXPECT_FALSE(FitGrowth({}, {}, 1.4).has_value());
  EXPECT_FALSE(FitGrowth(Epoch(5, Point{1, 1}), {}, 1.4).has_value());
  // One moment only.
  const auto same =
      FitGrowth(Epoch(20, Point{1, 1}), std::vector<double>(20, 100), 1.4);
  EXPECT_LE(same.value_or(GrowthFit{}).z, 0);
}

}  // namespace
}  // namespace plimsoll::collector
