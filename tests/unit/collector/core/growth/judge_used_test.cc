#include "collector/core/growth/judge_used.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "collector/core/engine/judge_fleet.h"
#include "collector/core/growth/growth_measure.h"
#include "tests/unit/collector/core/fakes.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr double kLimitMib = 1024;
const JudgementInput kLimited{{}, kLimitMib* kMiB, {}};
using Path = std::function<double(double)>;  // MiB by hours

double Flat(double) { return 300; }
double Leak(double h) { return 300 + 0.05 * kLimitMib * h; }  // 5 % per hour

std::vector<Sample> Make(const Path& mib, double hours, int every_s,
                         uint64_t seed, double noise_mib = 0.5) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<Sample> out;
  for (int s = 0; s < static_cast<int>(hours * 3600); s += every_s) {
    out.push_back({kStartNs + s * kSecond,
                   (mib(s / 3600.0) + noise_mib * normal(random)) * kMiB});
  }
  return out;
}

// One life of both series, judged at its end.
struct Both {
  std::vector<WorkloadLife> lives, used;
  int64_t now_ns;

  Both(const Path& anon, const Path& in_use, double hours,
       double censuses_from_h = 0, double census_noise_mib = 0.5) {
    lives.push_back(LifeOf(Make(anon, hours, 30, 1)));
    std::vector<Sample> censuses =
        Make(in_use, hours, 120, 2, census_noise_mib);
    std::erase_if(censuses, [&](const Sample& s) {
      return s.time_ns < kStartNs + censuses_from_h * 3600 * kSecond;
    });
    used.push_back(LifeOf(censuses));
    // Weeks old: it fills nothing any more.
    lives[0].start_ns = used[0].start_ns = kStartNs - 86400 * kSecond;
    now_ns = kStartNs + static_cast<int64_t>(hours * 3600) * kSecond;
  }
  static WorkloadLife LifeOf(const std::vector<Sample>& samples) {
    LifeLog log;
    log.Add(samples);
    WorkloadLife life;
    log.MoveTo(life.blocks);
    life.survived_peak = log.survived_peak();
    return life;
  }
  ProcessJudgement ByMemory() const {
    return JudgeLife(lives, 0, kLimited, JudgementThresholds{}, now_ns);
  }
  ProcessJudgement ByUse() const {
    return JudgeLifeByUse(lives, used, 0, kLimited, JudgementThresholds{},
                          now_ns, Depth::kToClaim);
  }
};

TEST(JudgeByUse, GrowthOfWhatAllocatorsHoldIsNoLeak) {
  const Both both(Leak, Flat, 8);
  ASSERT_TRUE(both.ByMemory().ticket) << both.ByMemory().why_not;
  const ProcessJudgement j = both.ByUse();
  EXPECT_FALSE(j.page || j.ticket || j.grows || j.all_but_sure);
  EXPECT_EQ(j.no_leak, Verdict::kFragmentation);
  EXPECT_EQ(j.why_not, "the bytes in use do not grow with it: fragmentation");
}

TEST(JudgeByUse, MemoryThatWasNeededOnceIsHighWater) {
  // It needed all that it has, for some minutes late.
  const auto burst = [](double h) {
    return h > 7.3 && h < 7.4 ? Leak(8) : Flat(h);
  };
  const ProcessJudgement j = Both(Leak, burst, 8).ByUse();
  EXPECT_FALSE(j.page || j.ticket);
  EXPECT_EQ(j.no_leak, Verdict::kHighWater);
  EXPECT_EQ(j.why_not, "the bytes in use do not grow with it: high-water");
}

TEST(JudgeByUse, WhatIsKeptIsATicketAtTheLimitAndNeverAPage) {
  const auto near = [](double h) { return Leak(h) + 230; };
  const Both both(near, Flat, 8);
  ASSERT_TRUE(both.ByMemory().page) << both.ByMemory().why_not;
  const ProcessJudgement j = both.ByUse();
  EXPECT_TRUE(j.ticket);
  EXPECT_FALSE(j.page);
  EXPECT_EQ(j.no_leak, Verdict::kFragmentation);
}

TEST(JudgeByUse, ALeakIntoFreeMemoryIsToldBeforeTheMemoryGrows) {
  const auto kept = [](double) { return 800.0; };
  const Both both(kept, Leak, 8);
  EXPECT_FALSE(both.ByMemory().ticket);
  const ProcessJudgement j = both.ByUse();
  EXPECT_TRUE(j.ticket) << j.why_not;
  EXPECT_TRUE(j.by_used);
  const double truth = 0.05 * kLimitMib * kMiB / 3600;
  EXPECT_LT(j.bytes_per_s.lo, truth);
  EXPECT_GT(j.bytes_per_s.hi, truth);
  // What is left is left above the memory, not above what of it is in use.
  ASSERT_TRUE(j.time_to_limit.has_value());
  EXPECT_LT(j.time_to_limit->lo_s, (kLimitMib - 790) * kMiB / truth);
}

TEST(JudgeByUse, ALeakInBothIsOne) {
  const ProcessJudgement j = Both(Leak, Leak, 8).ByUse();
  EXPECT_TRUE(j.ticket) << j.why_not;
  EXPECT_EQ(j.no_leak, Verdict::kUnknown);
}

// It has stopped growing: the memory shows it, the few censuses of a busy heap
// are too rough to.
double Filled(double h) { return 300 + 0.05 * kLimitMib * std::min(h, 5.0); }
constexpr double kRoughMib = 20;

TEST(JudgeByUse, OfTheSameGrowthTheMemorysShapeCounts) {
  const Both both(Filled, Filled, 6.5, 0, kRoughMib);
  const ProcessJudgement alone =
      JudgeLife(both.used, 0, kLimited, JudgementThresholds{}, both.now_ns);
  ASSERT_TRUE(alone.ticket) << alone.why_not;
  ASSERT_TRUE(both.ByMemory().by_shape) << both.ByMemory().why_not;
  const ProcessJudgement j = both.ByUse();
  EXPECT_FALSE(j.page || j.ticket || j.grows);
  EXPECT_EQ(j.why_not, both.ByMemory().why_not);
  // Memory that did not grow has no shape to speak of.
  const auto kept = [](double) { return 800.0; };
  const Both into_free(kept, Leak, 6.5, 0, kRoughMib);
  ASSERT_TRUE(into_free.ByMemory().by_shape) << into_free.ByMemory().why_not;
  EXPECT_TRUE(into_free.ByUse().ticket) << into_free.ByUse().why_not;
}

TEST(JudgeByUse, WithoutEnoughCensusesTheMemoryIsJudged) {
  Both late(Leak, Flat, 8, 3);
  EXPECT_FALSE(IsCovered(late.used[0], late.lives[0]));
  EXPECT_TRUE(late.ByUse().ticket);
  EXPECT_FALSE(late.ByUse().by_used);
  Both none(Leak, Flat, 8);
  none.used[0].blocks.clear();
  EXPECT_TRUE(none.ByUse().ticket);
  Both ended(Leak, Flat, 8);
  std::erase_if(ended.used[0].blocks, [&](const MemoryBlock& b) {
    return b.time_ns > ended.now_ns - 3600 * kSecond;
  });
  EXPECT_FALSE(IsCovered(ended.used[0], ended.lives[0]));
}

TEST(GrowthMeasure, TheRateIsOfTheBytesInUseAndTheTimeOfTheMemory) {
  const auto half = [](double h) { return 300 + 0.025 * kLimitMib * h; };
  const Both both(Leak, half, 8);
  const JudgementThresholds t;
  const JudgedLife by_use{both.used, 0, kLimited, t, both.now_ns, &both.lives};
  const JudgedLife by_memory{both.lives, 0, kLimited, t, both.now_ns};
  const auto used = MeasureGrowth(by_use, 3 * 3600, 1);
  const auto memory = MeasureGrowth(by_memory, 3 * 3600, 1);
  ASSERT_TRUE(used && memory);
  EXPECT_NEAR(used->bytes_per_s.value * 2, memory->bytes_per_s.value,
              0.1 * memory->bytes_per_s.value);
  EXPECT_EQ(used->time_to_limit, memory->time_to_limit);
}

ProcessInfo Shop() {
  ProcessInfo info;
  info.key = 1;
  info.workload = {"c", "n", "Deployment", "shop"};
  info.pod = "shop-1";
  info.start_unix_ns = kStartNs - 86400 * kSecond;
  return info;
}

// One process of a fleet that is judged every five minutes; `each` is given
// every judgement.
void JudgeAll(const Path& mib, double hours,
              const std::function<void(const FleetJudgement&)>& each) {
  FakeFleet fleet;
  ProcessInfo info = Shop();
  FleetState state{JudgementThresholds{}};
  const auto anon = Make(mib, hours, 30, 1);
  for (size_t i = 0; i < anon.size(); ++i) {
    info.last_seen_ns = anon[i].time_ns;
    fleet.Put(1, {metric::kAnon, ""}, info.last_seen_ns, anon[i].value);
    fleet.Put(1, {metric::kCgroupLimit, ""}, info.last_seen_ns,
              kLimitMib * kMiB);
    if (i % 10 != 9) continue;
    fleet.processes[1] = info;
    each(JudgeFleet(fleet, Thresholds{}, state, info.last_seen_ns));
  }
}

// Half of what leaked is given back in the end.
double GivenBack(double h) {
  return 300 +
         kLimitMib * (0.1 * std::min(h, 3.0) - 0.05 * std::max(0.0, h - 3));
}

// What has stood goes on standing for an hour after its end, in which the rate
// falls to what may be none.
TEST(JudgeFleet, NoIncidentIsOpenedForARateThatMayBeNone) {
  int found = 0, held_back = 0;
  JudgeAll(GivenBack, 5, [&](const FleetJudgement& judged) {
    ASSERT_TRUE(judged.first_error.ok()) << judged.first_error;
    for (const WorkloadJudgement& w : judged.found) {
      ++found;
      ASSERT_EQ(w.processes.size(), 1U);
      EXPECT_GE(w.processes[0].bytes_per_s.lo, 0);
      EXPECT_FALSE(judged.standing.at(1).may_be_none);
    }
    if (judged.standing.empty() || !judged.found.empty()) return;
    ++held_back;
    EXPECT_TRUE(judged.standing.at(1).may_be_none);
    EXPECT_LE(judged.standing.at(1).bytes_per_s.lo, 0);
  });
  EXPECT_GT(found, 0);
  EXPECT_GT(held_back, 0) << "the rate was never in doubt";
}

// Through the store: anonymous memory and what the censuses say is free.
TEST(JudgeFleet, AsksTheCensusesWhatIsInUse) {
  for (const bool leaks : {true, false}) {
    FakeFleet fleet;
    ProcessInfo info = Shop();
    FleetState state{JudgementThresholds{}};
    Thresholds thresholds;
    FleetJudgement found;
    const auto anon = Make(Leak, 8, 30, 1);
    for (size_t i = 0; i < anon.size(); ++i) {
      const int64_t now = anon[i].time_ns;
      fleet.Put(1, {metric::kAnon, ""}, now, anon[i].value);
      fleet.Put(1, {metric::kCgroupLimit, ""}, now, kLimitMib * kMiB);
      if (i % 4 == 0) {
        const double free =
            leaks ? 100 * kMiB : anon[i].value - Flat(0) * kMiB + 90 * kMiB;
        fleet.Put(1, {metric::kFreeBytes, ""}, now, free * 0.75);
        fleet.Put(1, {metric::kMallocFree, ""}, now, free * 0.25);
      }
      if (i % 10 != 9) continue;
      info.last_seen_ns = now;
      fleet.processes[1] = info;
      found = JudgeFleet(fleet, thresholds, state, now);
      ASSERT_TRUE(found.first_error.ok());
    }
    EXPECT_EQ(found.found.size(), leaks ? 1U : 0U);
    if (leaks) {
      EXPECT_TRUE(found.standing.at(1).by_used);
    }
  }
}

}  // namespace
}  // namespace plimsoll::collector
