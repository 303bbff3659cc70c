#include "collector/core/growth/shown_verdict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr double kLimit = 1024 * kMiB;

ProcessJudgement Because(const std::string& why) {
  ProcessJudgement j;
  j.why_not = why;
  j.bytes_per_s = {2, 1, 3};
  return j;
}

// By the judgement itself, so that its words are those that are known here.
ProcessJudgement OfMemory(double (*share_at)(double hours)) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::vector<Sample> samples;
  for (int i = 0; i < 3 * 120; ++i) {
    samples.push_back({kStartNs + i * 30 * kSecond,
                       share_at(i / 120.0) * kLimit + kMiB * normal(random)});
  }
  return JudgeProcess(samples, {{}, kLimit, {}}, JudgementThresholds{},
                      samples.back().time_ns);
}

TEST(ShownVerdict, FlatMemoryIsNone) {
  const auto j = OfMemory([](double) { return 0.3; });
  EXPECT_EQ(ShownOf(j), Verdict::kNone) << j.why_not;
}

TEST(ShownVerdict, AFillThatEndsIsWarmUp) {
  const auto j = OfMemory([](double h) { return 0.5 - 0.2 * std::exp(-h); });
  EXPECT_EQ(ShownOf(j), Verdict::kWarmUp) << j.why_not;
}

TEST(ShownVerdict, ALeakIsNoneOfThem) {
  const auto j = OfMemory([](double h) { return 0.3 + 0.2 * h; });
  EXPECT_TRUE(j.ticket) << j.why_not;
  EXPECT_EQ(ShownOf(j), Verdict::kUnknown);
}

TEST(ShownVerdict, WhatAllocatorsKeepIsSaid) {
  ProcessJudgement j = Because("the bytes in use do not grow with it");
  j.no_leak = Verdict::kHighWater;
  EXPECT_EQ(ShownOf(j), Verdict::kHighWater);
}

TEST(ShownVerdict, ALimitThatIsNearGoesBeforeWhatAnHourHasNotShown) {
  const WorkloadName flat{"", "", "", "flat"}, load{"", "", "", "load"},
      young{"", "", "", "young"};
  const auto shown =
      WithUnnamed({{flat, {Verdict::kNone, "no significant trend"}},
                   {load, {Verdict::kLoad, "it may follow the load"}}},
                  {{flat, "why"}, {load, "why"}, {young, "why"}});
  EXPECT_EQ(shown.at(flat).verdict, Verdict::kUnknown);
  EXPECT_EQ(shown.at(young).why,
            "at this pace its limit is met within the hour, and what grows is "
            "not known: why");
  EXPECT_EQ(shown.at(load).verdict, Verdict::kLoad);
}

TEST(ShownVerdict, WhatHasToBeSeenForLongerIsUnknown) {
  EXPECT_EQ(ShownOf(Because("too short a history")), Verdict::kUnknown);
  EXPECT_EQ(ShownOf(Because("it does not go with age")), Verdict::kUnknown);
  EXPECT_EQ(ShownOf(Because("it may follow the load")), Verdict::kLoad);
}

// Six hours that bend down were "not watched for long enough", as their last
// hour by itself is straight.
TEST(ShownVerdict, AShorterWindowThatWaitsHidesNoFill) {
  ProcessJudgement j = Because("the workload was not watched for long enough");
  EXPECT_EQ(ShownOf(j), Verdict::kUnknown);
  j.long_shape = "it bends down";
  EXPECT_EQ(ShownOf(j), Verdict::kWarmUp);
  EXPECT_EQ(ShownOfAll({&j}),
            (ShownVerdict{Verdict::kWarmUp, "it bends down"}));
  j.why_not.clear();
  j.ticket = true;
  EXPECT_EQ(ShownOf(j), Verdict::kUnknown) << "a claim is none of them";
}

TEST(ShownVerdict, LoadThatRisesAsSteadilyIsSaidWhateverElseIsAgainstIt) {
  ProcessJudgement j = Because("it does not go with age");
  j.may_follow_load = true;
  EXPECT_EQ(ShownOfAll({&j}),
            (ShownVerdict{Verdict::kLoad, "it may follow the load"}));
}

TEST(ShownVerdict, ASlowFillOfSixHoursIsWarmUp) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::vector<Sample> samples;
  for (int i = 0; i < 6 * 120; ++i) {
    const double hours = i / 120.0;
    samples.push_back({kStartNs + i * 30 * kSecond,
                       (0.5 - 0.3 * std::exp(-hours / 2.5)) * kLimit +
                           kMiB * normal(random)});
  }
  const auto j = JudgeProcess(samples, {{}, kLimit, {}}, JudgementThresholds{},
                              samples.back().time_ns);
  EXPECT_EQ(ShownOf(j), Verdict::kWarmUp) << j.why_not << "; " << j.long_shape;
}

TEST(ShownVerdict, OfAWorkloadMostOfThoseThatGrowSpeak) {
  const auto none = Because("no significant trend");
  const auto load = Because("it may follow the load");
  const auto fill = Because("it bends down");
  const auto fresh = Because("too short a history");
  EXPECT_EQ(ShownOfAll({&none, &none, &load, &load, &fill}),
            (ShownVerdict{Verdict::kLoad, "it may follow the load"}));
  EXPECT_EQ(ShownOfAll({&none, &fresh}),
            (ShownVerdict{Verdict::kNone, "no significant trend"}));
  EXPECT_EQ(ShownOfAll({&none, &fresh, &fresh}),
            (ShownVerdict{Verdict::kUnknown, "too short a history"}));
  EXPECT_EQ(ShownOfAll({}), ShownVerdict());
}

TEST(ShownVerdict, NoneOfThemPages) {
  for (const Verdict v : {Verdict::kNone, Verdict::kWarmUp, Verdict::kLoad}) {
    EXPECT_FALSE(MayTicket(v));
  }
}

}  // namespace
}  // namespace plimsoll::collector
