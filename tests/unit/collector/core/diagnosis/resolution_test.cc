#include "collector/core/diagnosis/resolution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/collector/core/fakes.h"

namespace plimsoll::collector {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'700'000'000 * kSecond;
constexpr double kMiBPerMin = double{1 << 20} / 60;

Incident Leak() {
  Incident i;
  i.bytes_per_s = {12.4 * kMiBPerMin, 11.6 * kMiBPerMin, 13.1 * kMiBPerMin};
  i.leaking_instances = 1;
  AffectedProcess p;
  p.process = 1;
  p.leaking = true;
  p.version = "1.4";
  i.processes = {p};
  TrafficCause cause;
  cause.attributes = "city=paris";
  cause.requests_per_s = 2;
  i.traffic.causes = {cause};
  return i;
}

ProcessTrend Trend(ProcessKey key, const std::string& version, bool exited,
                   std::optional<double> mib_per_min) {
  ProcessTrend t;
  t.info.key = key;
  t.info.version = version;
  t.exited = exited;
  if (mib_per_min) {
    t.recent_bytes_per_s =
        Estimate{*mib_per_min * kMiBPerMin, (*mib_per_min - .2) * kMiBPerMin,
                 (*mib_per_min + .2) * kMiBPerMin};
  }
  return t;
}

std::string Why(const std::vector<ProcessTrend>& trends,
                const FakeFleet& fleet = {}) {
  return WhyResolved(Leak(), trends, fleet, kNow, "gone");
}

TEST(WhyResolved, FixedInAVersionWithSlopesBeforeAndSince) {
  const std::string why =
      Why({Trend(1, "1.4", true, {}), Trend(2, "1.5", false, .1),
           Trend(3, "1.5", false, .1)});
  EXPECT_THAT(why, StartsWith("gone; fixed in version 1.5: 12.4 MiB/min (95 % "
                              "CI 11.6-13.1) before, "));
  EXPECT_THAT(why, HasSubstr(" since, over 2 processes"));
}

TEST(WhyResolved, AVersionThatGrowsIsNotCalledFixed) {
  EXPECT_THAT(Why({Trend(1, "1.4", true, {}), Trend(2, "1.5", false, 9)}),
              HasSubstr("replaced by version 1.5, not shown to be fixed"));
  EXPECT_THAT(Why({Trend(1, "1.4", true, {}), Trend(2, "1.5", false, {})}),
              HasSubstr("which is too young to tell (12.4 MiB/min"));
}

TEST(WhyResolved, TheSameVersionAgainIsARestartOnly) {
  EXPECT_EQ(Why({Trend(1, "1.4", true, {}), Trend(2, "1.4", false, .1)}),
            "gone; restarted only, version 1.4 again: expect it to leak anew");
  EXPECT_THAT(Why({Trend(1, "1.4", true, {}), Trend(2, "1.4", false, .1),
                   Trend(3, "1.5", false, .1)}),
              HasSubstr("restarted only"))
      << "one still runs what leaked";
}

TEST(WhyResolved, WhatIsNotShownIsNotSaid) {
  EXPECT_EQ(Why({}), "gone");
  EXPECT_EQ(Why({Trend(1, "1.4", false, .1)}), "gone");
}

TEST(WhyResolved, TheTrafficStoppedWhereItDid) {
  FakeFleet fleet;
  for (int s = 0; s <= 600; s += 15) {
    fleet.Put(1, {metric::kRequests, "city=paris"}, kNow - (600 - s) * kSecond,
              1000);
  }
  const std::string why = Why({Trend(1, "1.4", false, .1)}, fleet);
  EXPECT_THAT(why, StartsWith("gone; the traffic stopped: "));
  EXPECT_THAT(why, HasSubstr("of city=paris, 120/min while it leaked"));
  // It goes on: something else ended the leak.
  FakeFleet busy;
  for (int s = 0; s <= 600; s += 15) {
    busy.Put(1, {metric::kRequests, "city=paris"}, kNow - (600 - s) * kSecond,
             1000 + 2 * s);
  }
  EXPECT_EQ(Why({Trend(1, "1.4", false, .1)}, busy), "gone");
}

}  // namespace
}  // namespace plimsoll::collector
