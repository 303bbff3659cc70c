#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "collector/core/traffic/traffic.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr double kKiB = 1024;
constexpr double kLost = 5.6 * kKiB;
constexpr double kHandedOn = 0.75;

struct Service {
  double of_hand_on = kLost, of_health = 0;  // bytes lost a request
  double failing = 0;                        // of all requests
  int looks = 28;                            // one each five seconds
  double noise = 30 * kKiB;
};

// Twelve requests a second: three in four are handed on, the others are health
// checks.
TrafficSeries MakeGateway(const Service& service, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::poisson_distribution<int> arrivals(60);
  std::bernoulli_distribution handed_on(kHandedOn), fails(service.failing);
  std::normal_distribution<double> normal;
  TrafficSeries series;
  std::map<std::string, double> counts;
  double live = 20 * kMiB;
  for (int look = 0; look < service.looks; ++look) {
    for (int n = arrivals(random); n > 0; --n) {
      const bool mine = handed_on(random);
      counts[std::string("endpoint=") + (mine ? "hand_on" : "health") +
             (fails(random) ? ",status=500" : ",status=200")] += 1;
      live += mine ? service.of_hand_on : service.of_health;
    }
    const int64_t now = kStartNs + look * 5'000'000'000LL;
    series.bytes.push_back({now, live + service.noise * normal(random)});
    for (const auto& [label, n] : counts) {
      series.requests[label].push_back({now, n});
    }
  }
  return series;
}

struct Said {
  int any = 0, hand_on = 0, other = 0, told_apart_later = 0, silent = 0;
};

Said AskOften(const Service& service, uint64_t seeds) {
  Said said;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const Traffic traffic =
        AttributeTraffic({MakeGateway(service, seed)}, TrafficThresholds{});
    if (traffic.causes.empty()) {
      ++(traffic.not_known.find("with any or only with those of") !=
                 std::string::npos
             ? said.told_apart_later
             : said.silent);
      continue;
    }
    EXPECT_EQ(traffic.not_known, "");
    const std::string& first = traffic.causes.front().attributes;
    ++(first.empty()                 ? said.any
       : first == "endpoint=hand_on" ? said.hand_on
                                     : said.other);
  }
  std::printf("any %d, hand_on %d, other %d, not yet %d, silent %d\n", said.any,
              said.hand_on, said.other, said.told_apart_later, said.silent);
  return said;
}

// The first page of a gateway blamed any request, by 28 looks that could not
// tell it from the three in four that leak.
TEST(TrafficAny, OneEndpointIsNotTakenForAnyRequestByAFewLooks) {
  const Said said = AskOften({}, 100);
  EXPECT_LE(said.any, 1);
  EXPECT_LE(said.other, 1);
  EXPECT_GE(said.told_apart_later, 5);
  EXPECT_GE(said.hand_on + said.told_apart_later, 80);
}

TEST(TrafficAny, TheEndpointIsNamedOnceThereIsEnough) {
  const Said said = AskOften({.looks = 240}, 20);
  EXPECT_EQ(said.any, 0);
  EXPECT_GE(said.hand_on, 19);
}

TEST(TrafficAny, AnyRequestIsSaidWhereNoValueAloneExplains) {
  const Said said = AskOften({.of_health = kLost, .looks = 240}, 20);
  EXPECT_GE(said.any, 18);
  EXPECT_EQ(said.hand_on + said.other, 0);
}

TEST(TrafficAny, SaysHowManyMoreRequestsAreNeeded) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const Traffic traffic = AttributeTraffic({MakeGateway({}, seed)}, {});
    if (traffic.not_known.find("with any") == std::string::npos) continue;
    EXPECT_THAT(
        traffic.not_known,
        ::testing::ContainsRegex(
            "^the growth goes with requests; whether with any or only with "
            "those of .*endpoint=hand_on.* cannot be told yet; that needs "
            "about [0-9,]+ more requests$"));
    return;
  }
  FAIL() << "all were told at once";
}

// What nearly all requests have is named beside them: to wait would not help.
TEST(TrafficAny, AValueOfNearlyAllRequestsIsNamedWithThem) {
  const std::vector<std::string> most = {"status=200"};
  int any = 0, beside = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Traffic traffic = AttributeTraffic(
        {MakeGateway({.of_health = kLost, .failing = 0.001, .looks = 120},
                     seed)},
        {});
    if (traffic.causes.empty()) continue;
    const TrafficCause& cause = traffic.causes.front();
    any += cause.attributes.empty();
    beside += cause.inseparable_from == most;
    EXPECT_FALSE(cause.joint);
  }
  EXPECT_GE(any, 18);
  EXPECT_GE(beside, 15);
}

}  // namespace
}  // namespace plimsoll::collector
