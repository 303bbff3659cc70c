#include "collector/core/traffic/traffic_compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

struct Region {
  const char* name;
  double leaking_per_min, other_per_min;
  double bytes_per_request;
};

// An hour of one process; memory each 10 s, counts each 15.
TrafficSeries MakeProcess(const Region& region, std::mt19937_64& random) {
  TrafficSeries series;
  std::poisson_distribution<int> leaking(region.leaking_per_min / 60);
  std::poisson_distribution<int> other(region.other_per_min / 60);
  std::normal_distribution<double> normal;
  double bytes = 60 * kMiB, bad = 0, good = 0;
  for (int t = 0; t <= 3600; ++t) {
    const int n = region.leaking_per_min > 0 ? leaking(random) : 0;
    bad += n, good += other(random);
    for (int i = 0; i < n; ++i) {
      bytes += region.bytes_per_request * (1 + 0.4 * normal(random));
    }
    const int64_t now = kStartNs + t * 1'000'000'000LL;
    if (t % 10 == 0) {
      series.bytes.push_back({now, bytes + kMiB * normal(random)});
    }
    if (t % 15 != 0) continue;
    series.requests["city=oslo"].push_back({now, good});
    series.requests["city=lima"].push_back({now, bad});
  }
  return series;
}

struct Made {
  std::vector<TrafficSeries> processes;
  std::vector<std::string> groups;
};
Made Make(const Region& one, const Region& other) {
  std::mt19937_64 random(7);
  Made made;
  for (int i = 0; i < 3; ++i) {
    for (const Region& region : {one, other}) {
      made.processes.push_back(MakeProcess(region, random));
      made.groups.emplace_back(region.name);
    }
  }
  return made;
}

TrafficCause Lima() {
  TrafficCause cause;
  cause.attributes = "city=lima";
  return cause;
}

GroupComparison Compare(const Region& one, const Region& other) {
  const Made made = Make(one, other);
  return CompareGroups(made.processes, made.groups, one.name, other.name,
                       {Lima()}, {});
}

TEST(TrafficCompare, TheMixAloneIsNotWorseCode) {
  const GroupComparison c =
      Compare({"sin", 30, 60, 0.3 * kMiB}, {"par", 10, 60, 0.3 * kMiB});
  EXPECT_LT(c.in_all.lo, 3);
  EXPECT_GT(c.in_all.hi, 3);
  ASSERT_TRUE(c.at_equal_mix.has_value()) << c.not_told;
  EXPECT_LT(c.at_equal_mix->lo, 1);
  EXPECT_GT(c.at_equal_mix->hi, 1);
  EXPECT_NEAR(c.at_equal_mix->value, 1, 0.2);
  EXPECT_NEAR(c.mix, c.in_all.value / c.at_equal_mix->value, 1e-9);
  EXPECT_FALSE(c.worse_here);
}

TEST(TrafficCompare, WorseCodeIsWorseAtEqualMix) {
  const GroupComparison c =
      Compare({"sin", 30, 60, 0.9 * kMiB}, {"par", 10, 60, 0.3 * kMiB});
  ASSERT_TRUE(c.at_equal_mix.has_value()) << c.not_told;
  EXPECT_NEAR(c.at_equal_mix->value, 3, 0.7);
  EXPECT_TRUE(c.worse_here);
}

TEST(TrafficCompare, WhatIsServedInOnePlaceOnlyCannotBeCompared) {
  const GroupComparison c =
      Compare({"sin", 30, 60, 0.9 * kMiB}, {"par", 0, 60, 0.3 * kMiB});
  EXPECT_FALSE(c.at_equal_mix.has_value());
  EXPECT_FALSE(c.worse_here);
  EXPECT_EQ(c.not_told,
            "no such request was served in par: requests and place move "
            "together");
}

TEST(TrafficCompare, TooFewAreCounted) {
  const GroupComparison c =
      Compare({"sin", 30, 60, 0.9 * kMiB}, {"par", 0.02, 60, 0.3 * kMiB});
  EXPECT_FALSE(c.at_equal_mix.has_value());
  EXPECT_THAT(c.not_told, ::testing::MatchesRegex(
                              "only [1-9] of 5,[0-9][0-9][0-9] such requests "
                              "were served in par, too few to compare them"));
}

// A page after minutes has seen few of the requests that leak.
TEST(TrafficCompare, AFewRequestsAreComparedWithAWideInterval) {
  const GroupComparison c =
      Compare({"sin", 0.3, 60, 2.5 * kMiB}, {"par", 0.1, 60, 2.5 * kMiB});
  ASSERT_TRUE(c.at_equal_mix.has_value()) << c.not_told;
  EXPECT_LT(c.at_equal_mix->lo, 1);
  EXPECT_GT(c.at_equal_mix->hi, 1);
  EXPECT_FALSE(c.worse_here);
}

TEST(TrafficCompare, OneGroupAloneIsSaid) {
  const Made made =
      Make({"sin", 30, 60, 0.3 * kMiB}, {"sin", 10, 60, 0.3 * kMiB});
  const GroupComparison c =
      CompareGroups(made.processes, made.groups, "sin", "par", {Lima()}, {});
  EXPECT_EQ(c.not_told, "requests of one of them are not counted");
}

TEST(TrafficCompare, ARatioOverWhatMayBeZeroHasNoUpperEnd) {
  const Estimate sure = RatioOf(6, 2, 0.01, 0.01, 0, 100);
  EXPECT_NEAR(sure.value, 3, 1e-9);
  EXPECT_GT(sure.lo, 2.5);
  EXPECT_LT(sure.hi, 3.5);
  const Estimate unsure = RatioOf(6, 2, 0.01, 4, 0, 100);
  EXPECT_TRUE(std::isinf(unsure.hi));
  EXPECT_EQ(RatioOf(6, 0, 1, 1, 0, 100).value, 0);
}

}  // namespace
}  // namespace plimsoll::collector
