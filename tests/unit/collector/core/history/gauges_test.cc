#include "collector/core/history/gauges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "collector/core/traffic/traffic.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

using ::testing::ElementsAre;

TEST(GaugeNameTest, IsReadAsItWasWritten) {
  for (const GaugeName& gauge :
       {GaugeName{"vehicles", ""}, GaugeName{"vehicles", "city=lima"},
        GaugeName{"vehicles", "city=new york,kind=bus"},
        GaugeName{"depth", "city=~a b,kind=x/y"}}) {
    const std::string name = ToString(gauge);
    EXPECT_TRUE(IsGauge(name));
    EXPECT_EQ(ParseGaugeName(name).metric, gauge.metric);
    EXPECT_EQ(ParseGaugeName(name).attributes, gauge.attributes);
  }
  EXPECT_FALSE(IsGauge(""));
  EXPECT_FALSE(IsGauge("city=lima"));
}

TEST(GaugeNameTest, SumsAreThoseOfItsValuesAndPairs) {
  EXPECT_THAT(NamesOfGauge("~v city=lima,~v kind=bus"),
              ElementsAre("~v", "~v city=lima", "~v kind=bus",
                          "~v city=lima,~v kind=bus"));
}

TEST(GaugeNameTest, AGaugeIsPartOfNoRequests) {
  EXPECT_TRUE(IsPartOf("city=lima,outcome=ok", "city=lima"));
  EXPECT_TRUE(IsPartOf("city=lima", ""));
  EXPECT_TRUE(IsPartOf("~v city=lima", "~v"));
  EXPECT_FALSE(IsPartOf("~v city=lima", "~w"));
  EXPECT_FALSE(IsPartOf("~v city=lima", ""));
  EXPECT_FALSE(IsPartOf("city=lima", "~v"));
}

TEST(GaugeCurveTest, ASetThatComesAndGoesIsZeroBeforeAndAfter) {
  const GaugeCurve curve({{200, 8}, {300, 10}}, {100, 200, 300, 400, 500});
  EXPECT_EQ(curve.At(50), 0);
  EXPECT_EQ(curve.At(150), 4);
  EXPECT_EQ(curve.At(250), 9);
  EXPECT_EQ(curve.At(350), 5);
  EXPECT_EQ(curve.At(450), 0);
}

// A process of twenty minutes: requests of four cities, of which Lima's
// exceptions may leak, and vehicles of each, which take memory while they are
// there and whose number walks, or grows in Oslo.
struct Made {
  double leak_bytes = 0;      // per exception in Lima
  double vehicle_bytes = 0;   // while it is there
  double growth_per_min = 0;  // of Oslo's vehicles
};
constexpr const char* kCities[] = {"lima", "oslo", "paris", "perth"};

TrafficSeries MakeProcess(const Made& made, std::mt19937_64& random) {
  TrafficSeries series;
  std::map<std::string, double> counts, vehicles;
  std::normal_distribution<double> normal;
  double leaked = 0;
  for (int t = 0; t <= 1200; ++t) {
    double held = 0;
    for (const char* city : kCities) {
      const std::string label = std::string("city=") + city;
      const int bad = std::poisson_distribution<int>(0.05)(random);
      counts[label + ",outcome=ok"] +=
          std::poisson_distribution<int>(1)(random);
      counts[label + ",outcome=exception"] += bad;
      if (label == "city=lima") leaked += bad * made.leak_bytes;
      double& mine = vehicles[label];
      mine = std::max(0.0, (t == 0 ? 1000 : mine) + 20 * normal(random));
      if (label == "city=oslo") mine += made.growth_per_min / 60;
      held += mine * made.vehicle_bytes;
    }
    const int64_t now = kStartNs + t * 1'000'000'000LL;
    if (t % 10 == 3) {
      series.bytes.push_back(
          {now, 60 * kMiB + leaked + held + 0.3 * kMiB * normal(random)});
    }
    if (t % 15 != 7) continue;
    for (const auto& [label, n] : counts) {
      series.requests[label].push_back({now, n});
    }
    for (const auto& [label, n] : vehicles) {
      series.gauges[ToString({"vehicles", label})].push_back({now, n});
    }
  }
  return series;
}

std::vector<TrafficSeries> MakeProcesses(const Made& made, int seed) {
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  return {MakeProcess(made, random), MakeProcess(made, random)};
}

constexpr int kSeeds = 20;

TEST(GaugesTest, MemoryThatGoesWithAGaugeIsStateAndNoLeakOfRequests) {
  int right = 0, held = 0;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    const Traffic traffic =
        AttributeTraffic(MakeProcesses({0, 20e3, 600}, seed), {});
    EXPECT_TRUE(traffic.causes.empty()) << seed;
    if (traffic.states.size() != 1) continue;
    const StateCause& state = traffic.states[0];
    // Every city's vehicles take as much: the sum is the simplest.
    right += state.gauge == "vehicles" && state.attributes.empty();
    held += state.bytes_per_unit.lo <= 20e3 && 20e3 <= state.bytes_per_unit.hi;
    EXPECT_LT(state.from, state.to);
    EXPECT_GT(state.share, 0.7) << seed;
  }
  EXPECT_GE(right, 18);
  EXPECT_GE(held, 17);
}

TEST(GaugesTest, ALeakOfRequestsIsNotBlamedOnAGauge) {
  int right = 0;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    const Traffic traffic =
        AttributeTraffic(MakeProcesses({1.6e6, 0, 600}, seed), {});
    EXPECT_TRUE(traffic.states.empty())
        << seed << " " << traffic.states[0].attributes;
    right += traffic.causes.size() == 1 &&
             traffic.causes[0].attributes == "city=lima,outcome=exception";
  }
  EXPECT_GE(right, 18);
}

TEST(GaugesTest, BothAreTold) {
  int both = 0;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    const Traffic traffic =
        AttributeTraffic(MakeProcesses({1.6e6, 20e3, 300}, seed), {});
    both += traffic.causes.size() == 1 && traffic.states.size() == 1 &&
            traffic.causes[0].attributes == "city=lima,outcome=exception";
  }
  EXPECT_GE(both, 17);
}

TEST(GaugesTest, WithoutRequestCountsTheyAreLookedAtAlone) {
  auto processes = MakeProcesses({0, 20e3, 600}, 1);
  for (TrafficSeries& process : processes) process.requests.clear();
  const Traffic traffic = AttributeTraffic(processes, {});
  ASSERT_EQ(traffic.states.size(), 1u) << traffic.not_known;
  EXPECT_EQ(traffic.states[0].gauge, "vehicles");
}

}  // namespace
}  // namespace plimsoll::collector
