#include "collector/core/diagnosis/version_onset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "collector/core/incident/incident_json.h"
#include "collector/core/page/page_text.h"
#include "tests/unit/collector/core/fakes.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSecondNs = 1'000'000'000;

struct LifeSpec {
  std::string version;
  double start_s = 0, end_s = 0;
  double leak_per_s = 0;
  double requests_per_s = 0;  // 0: not counted
  double cache = 0;           // fills within two hours
  double leak_from_s = 0;     // of its age
};

VersionedLife MakeVersioned(const LifeSpec& spec, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  VersionedLife life;
  life.version = spec.version;
  life.start_ns = kStartNs + static_cast<int64_t>(spec.start_s) * kSecondNs;
  for (double t = 30; t <= spec.end_s - spec.start_s; t += 30) {
    const int64_t now = life.start_ns + static_cast<int64_t>(t) * kSecondNs;
    life.bytes.push_back(
        {now,
         100 * kMiB + spec.leak_per_s * std::max(0.0, t - spec.leak_from_s) +
             spec.cache * std::min(1.0, t / 7200) + kMiB * normal(random)});
    if (spec.requests_per_s > 0) {
      life.requests["endpoint=/"].push_back({now, spec.requests_per_s * t});
    }
  }
  return life;
}

VersionOnset Judge(const std::vector<LifeSpec>& specs) {
  std::mt19937_64 random(5);
  std::vector<VersionedLife> lives;
  for (const LifeSpec& spec : specs) {
    lives.push_back(MakeVersioned(spec, random));
  }
  return JudgeOnset(lives, "2", "1", "");
}

constexpr double kLeak = 20 * kMiB / 3600;

TEST(VersionOnset, BeganWhereTheVersionBeforeDidNotGrowAtThatAge) {
  const VersionOnset o = Judge({{"1", 0, 14400, 0},
                                {"1", 0, 14400, 0},
                                {"2", 14400, 21600, kLeak},
                                {"2", 14500, 21600, kLeak}});
  EXPECT_TRUE(o.began) << o.not_told;
  EXPECT_FALSE(o.as_before);
  EXPECT_EQ(o.lives, 2);
  EXPECT_EQ(o.lives_before, 2);
  EXPECT_EQ(o.began_ns, kStartNs + 14400 * kSecondNs);
  EXPECT_NEAR(o.to_age_s, 7200, 31);
  EXPECT_FALSE(o.per_request);
  EXPECT_NEAR(o.growth.value, kLeak, 0.1 * kLeak);
  EXPECT_NEAR(o.growth_before.value, 0, 0.1 * kLeak);
}

TEST(VersionOnset, NotBegunWhereBothGrow) {
  const VersionOnset o = Judge({{"1", 0, 14400, kLeak},
                                {"1", 0, 14400, kLeak},
                                {"2", 14400, 21600, kLeak},
                                {"2", 14500, 21600, kLeak}});
  EXPECT_FALSE(o.began);
  EXPECT_TRUE(o.as_before);
}

// At another age the cache of the version before is full.
TEST(VersionOnset, ACacheThatFillsAtThatAgeIsInBoth) {
  const VersionOnset o = Judge({{"1", 0, 28800, 0, 0, 60 * kMiB},
                                {"1", 0, 28800, 0, 0, 60 * kMiB},
                                {"2", 28800, 34200, 0, 0, 60 * kMiB},
                                {"2", 28900, 34200, 0, 0, 60 * kMiB}});
  EXPECT_FALSE(o.began);
}

// Four times the traffic: the same per request.
TEST(VersionOnset, PerRequestWhereTheyAreCounted) {
  const std::vector<LifeSpec> busier = {{"1", 0, 14400, kLeak, 1},
                                        {"1", 0, 14400, kLeak, 1},
                                        {"2", 14400, 21600, 4 * kLeak, 4},
                                        {"2", 14500, 21600, 4 * kLeak, 4}};
  const VersionOnset o = Judge(busier);
  EXPECT_TRUE(o.per_request);
  EXPECT_FALSE(o.began);
  EXPECT_TRUE(o.as_before);
  EXPECT_NEAR(o.growth.value, kLeak, 0.1 * kLeak);
}

// What one pod of three does need not be its version's.
TEST(VersionOnset, NotBegunWhereOneOfThreeGrows) {
  const VersionOnset o = Judge({{"1", 0, 14400, 0},
                                {"1", 0, 14400, 0},
                                {"2", 14400, 21600, kLeak},
                                {"2", 14500, 21600, 0},
                                {"2", 14600, 21600, 0}});
  EXPECT_FALSE(o.began);
  EXPECT_FALSE(o.as_before);
}

// The leak came hours after the deploy, with something else, and no life of the
// version before was left to leak with those of this one.
TEST(VersionOnset, BeganLaterWhereItsLivesDidNotGrowWhenTheyWereYounger) {
  const VersionOnset o = Judge({{"1", 0, 14400, 0},
                                {"1", 0, 14400, 0},
                                {"2", 14400, 28800, kLeak, 0, 0, 7200},
                                {"2", 14500, 28800, kLeak, 0, 0, 7100}});
  EXPECT_GT(o.growth.lo, 4 * o.growth_before.hi);
  EXPECT_FALSE(o.began);
  EXPECT_TRUE(o.not_before);
  EXPECT_TRUE(o.later);
  const int64_t truth = kStartNs + (14400 + 7200) * kSecondNs;
  EXPECT_LE(o.since_from_ns, truth);
  EXPECT_GE(o.since_to_ns, truth);
  EXPECT_NEAR(o.since_ns, truth, 900 * kSecondNs);
  EXPECT_FALSE(o.as_before);
}

// Forty minutes of lives cannot say whether a leak was there from the start on.
TEST(VersionOnset, NeitherWhereTheTwoCannotBeToldApart) {
  std::mt19937_64 random(5);
  std::vector<VersionedLife> lives;
  for (const LifeSpec& spec :
       {LifeSpec{"1", 0, 14400, 0}, LifeSpec{"2", 14400, 16800, kLeak}}) {
    lives.push_back(MakeVersioned(spec, random));
  }
  VersionOnset o;
  o.version = "2";
  o.not_before = true;
  DateOnset(lives, o);
  EXPECT_FALSE(o.began);
  EXPECT_FALSE(o.later);
}

TEST(VersionOnset, TooLittleWasSeen) {
  const VersionOnset young = Judge({{"1", 0, 90, 0}, {"2", 90, 3600, kLeak}});
  EXPECT_FALSE(young.began);
  EXPECT_EQ(young.not_told, "too little was seen of version 1 at equal age");
}

// What ingest stores of the same.
void Store(const std::vector<LifeSpec>& specs, FakeFleet& fleet) {
  std::mt19937_64 random(5);
  ProcessKey key = 0;
  for (const LifeSpec& spec : specs) {
    const VersionedLife life = MakeVersioned(spec, random);
    ProcessInfo info;
    info.key = ++key;
    info.workload = {"", "shop", "deployment", "orders"};
    info.version = spec.version;
    info.start_unix_ns = life.start_ns;
    info.first_seen_ns = life.bytes.front().time_ns;
    info.last_seen_ns = life.bytes.back().time_ns;
    fleet.processes[key] = info;
    fleet.series[{key, {metric::kAnon, ""}}] = life.bytes;
    for (const auto& [label, counts] : life.requests) {
      fleet.series[{key, {metric::kRequests, label}}] = counts;
    }
  }
}

Incident LeakingSince(ProcessKey process) {
  Incident i;
  i.workload = {"", "shop", "deployment", "orders"};
  AffectedProcess p;
  p.process = process;
  p.version = "2";
  p.leaking = true;
  i.processes = {p};
  i.regions.resize(1);
  return i;
}

TEST(ReadVersionOnset, SaysSoOnThePageWhenTheVersionBeforeIsGone) {
  FakeFleet fleet;
  Store({{"0", -9000, 0, 0},
         {"1", 0, 14400, 0, 2},
         {"1", 0, 14400, 0, 2},
         {"2", 14400, 21600, kLeak, 2},
         {"2", 14500, 21600, kLeak, 2}},
        fleet);
  const int64_t now = kStartNs + 21600 * kSecondNs;
  Incident i = LeakingSince(4);
  ASSERT_TRUE(ReadVersionOnset(fleet, now, i).ok());
  ASSERT_TRUE(i.version_onset.has_value());
  EXPECT_TRUE(i.version_onset->began);
  EXPECT_TRUE(i.version_onset->per_request);
  EXPECT_THAT(WritePage(i, "").where,
              HasSubstr("; began with version 2 at 2023-11-15 02:13 UTC: at "
                        "that age 1 gained "));
  EXPECT_THAT(WritePage(i, "").where, EndsWith(" per request"));
  // It is kept with the incident, and when the version before is forgotten.
  const auto read = DecodeIncident(EncodeIncident([&] {
    Incident named = i;
    named.id = "1";
    return named;
  }()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->version_onset, i.version_onset);
  ASSERT_TRUE(ReadVersionOnset(fleet, now + 3 * 86400 * kSecondNs, i).ok());
  EXPECT_TRUE(i.version_onset->began);
}

TEST(ReadVersionOnset, SaysWhenItBeganWhereThatWasLater) {
  FakeFleet fleet;
  Store({{"1", 0, 14400, 0},
         {"1", 0, 14400, 0},
         {"2", 14400, 28800, kLeak, 0, 0, 7200},
         {"2", 14500, 28800, kLeak, 0, 0, 7100}},
        fleet);
  Incident i = LeakingSince(3);
  ASSERT_TRUE(ReadVersionOnset(fleet, kStartNs + 28800 * kSecondNs, i).ok());
  EXPECT_THAT(WritePage(i, "").where,
              HasSubstr("; began at about 2023-11-15 "));
  EXPECT_THAT(WritePage(i, "").where,
              HasSubstr(" after version 2 came: until then its pods gained no "
                        "more than those of 1"));
}

// What is known of the version before stays known; whether it began with this
// one is asked again.
TEST(ReadVersionOnset, WhatCannotBeToldYetIsToldLater) {
  FakeFleet fleet;
  Store({{"1", 0, 14400, 0},
         {"1", 0, 14400, 0},
         {"2", 14400, 21600, kLeak},
         {"2", 14500, 21600, kLeak}},
        fleet);
  Incident i = LeakingSince(3);
  VersionOnset known;
  known.version = "2", known.before = "1";
  known.not_before = true;
  known.growth = {1, 1, 1};
  i.version_onset = known;
  EXPECT_THAT(WritePage(i, "").where, HasSubstr("; version 2 and not 1: "));
  EXPECT_THAT(WritePage(i, "").where, EndsWith("cannot be told yet"));
  ASSERT_TRUE(ReadVersionOnset(fleet, kStartNs + 21600 * kSecondNs, i).ok());
  EXPECT_TRUE(i.version_onset->began);
  EXPECT_EQ(i.version_onset->growth.value, 1);
}

TEST(ReadVersionOnset, AMasterIsNoneOfItsVersionsLives) {
  FakeFleet fleet;
  Store({{"1", 0, 14400, 0},
         {"1", 0, 14400, 0},
         {"2", 14400, 21600, 0},  // the master
         {"2", 14410, 21600, kLeak},
         {"2", 14420, 21600, kLeak}},
        fleet);
  for (const ProcessKey key : {3, 4, 5}) {
    fleet.processes[key].pid = static_cast<int32_t>(key);
    fleet.processes[key].parent_pid = key == 3 ? 1 : 3;
  }
  Incident i = LeakingSince(4);
  ASSERT_TRUE(ReadVersionOnset(fleet, kStartNs + 21600 * kSecondNs, i).ok());
  EXPECT_EQ(i.version_onset->lives, 2);
  EXPECT_TRUE(i.version_onset->began);
}

TEST(ReadVersionOnset, NothingWithoutAVersionBefore) {
  FakeFleet fleet;
  Store({{"2", 0, 7200, kLeak}, {"3", 3600, 7200, 0}}, fleet);
  Incident i = LeakingSince(1);
  ASSERT_TRUE(ReadVersionOnset(fleet, kStartNs + 7200 * kSecondNs, i).ok());
  EXPECT_FALSE(i.version_onset.has_value());
  EXPECT_THAT(WritePage(i, "").where, Not(HasSubstr("began")));
}

}  // namespace
}  // namespace plimsoll::collector
