#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "collector/core/traffic/traffic.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr int kMinutes = 24 * 60;
constexpr int kCityCount = 6;

// A day of one process, looked at each minute. Each city's requests have a
// course of the day; what leaks are those of city 0, or requests of no city
// that are counted nowhere and have its course.
TrafficSeries MakeDay(bool hidden, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform(0.5, 1.5);
  std::vector<double> rates;
  for (int c = 0; c < kCityCount; ++c) rates.push_back(6 * uniform(random));
  const auto requests = [&](double rate, int city, int minute) {
    const double day = 2 * std::numbers::pi *
                       (1.0 * minute / kMinutes + 1.0 * city / kCityCount);
    return std::poisson_distribution<int>(rate *
                                          (1 + 0.7 * std::sin(day)))(random);
  };
  TrafficSeries series;
  std::map<std::string, double> counts;
  double live = 100 * kMiB;
  for (int minute = 0; minute < kMinutes; ++minute) {
    const int64_t now = kStartNs + minute * int64_t{60} * 1'000'000'000;
    int leaking = hidden ? requests(6, 0, minute) : 0;
    for (int c = 0; c < kCityCount; ++c) {
      const int n = requests(rates[static_cast<size_t>(c)], c, minute);
      counts["city=c" + std::to_string(c)] += n;
      if (c == 0 && !hidden) leaking += n;
    }
    for (int i = 0; i < leaking; ++i) {
      live += 0.1 * kMiB * std::max(0.0, 1 + 0.5 * normal(random));
    }
    for (const auto& [label, n] : counts) {
      series.requests[label].push_back({now, n});
    }
    series.bytes.push_back({now, live + kMiB * normal(random)});
  }
  return series;
}

Traffic AttributeDay(bool hidden, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<TrafficSeries> all;
  for (int p = 0; p < 5; ++p) all.push_back(MakeDay(hidden, random));
  return AttributeTraffic(all, TrafficThresholds{});
}

// A city whose course of the day is that of the cause was blamed in each run.
TEST(TrafficShortTerm, WhoOnlySharesTheCourseOfTheDayIsNotBlamed) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const Traffic traffic = AttributeDay(true, seed);
    EXPECT_TRUE(traffic.causes.empty())
        << seed << ": " << traffic.causes.front().attributes;
    EXPECT_FALSE(traffic.not_known.empty());
  }
}

TEST(TrafficShortTerm, WhoCausesItIsBlamedThoughItHasACourseOfTheDay) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const Traffic traffic = AttributeDay(false, seed);
    ASSERT_FALSE(traffic.causes.empty()) << traffic.not_known;
    EXPECT_EQ(traffic.causes.front().attributes, "city=c0");
    EXPECT_NEAR(traffic.causes.front().bytes_per_request.value, 0.1 * kMiB,
                0.01 * kMiB);
  }
}

}  // namespace
}  // namespace plimsoll::collector
