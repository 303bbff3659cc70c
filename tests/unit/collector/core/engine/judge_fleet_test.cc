// What is decided over all processes of a tick: how sure each must be among so
// many, and what the pods of one workload are together. The rules are held
// against the z that the judgement itself gives each series.
#include "collector/core/engine/judge_fleet.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "collector/core/growth/growth_screen.h"
#include "tests/unit/collector/core/fakes.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kTick = 300 * kSecond;
constexpr double kLimit = 1024 * kMiB;
constexpr int64_t kEnd = kStartNs + 10 * kHour;
constexpr int64_t kWeeksAgo = kStartNs - 14 * 24 * kHour;
constexpr double kLeakPerHour = 0.05;  // of the limit

// Pods that are weeks old and seen for ten hours.
class FleetTest : public ::testing::Test {
 protected:
  void Add(const std::string& workload, double leak_per_h, int times = 1) {
    for (int i = 0; i < times; ++i) AddOne(workload, leak_per_h);
  }
  void AddFlat(int workloads) {
    for (int i = 0; i < workloads; ++i) Add("flat-" + std::to_string(i), 0);
  }

  // Live bytes of a type in the pod that was added last, at a census each two
  // minutes: by so much of the limit an hour since the pod began, a day before.
  void AddType(const std::string& type, double leak_per_h) {
    fleet_.processes[pods_].start_unix_ns = kStartNs - 24 * kHour;
    for (int64_t at = kStartNs; at < kEnd; at += 120 * kSecond) {
      const double hours = static_cast<double>(at - kStartNs) / kHour;
      fleet_.Put(pods_, {metric::kTypeBytes, type}, at,
                 (0.01 + leak_per_h * (24 + hours)) * kLimit);
    }
  }

  // The last eighty minutes, in which what holds at each look comes to stand.
  // `set` is given the z of the first pod at each look.
  FleetJudgement Judge(
      const std::function<void(double, JudgementThresholds&)>& set,
      int looks = 16) {
    FleetState state{thresholds_.judgement};
    FleetJudgement judged;
    for (int64_t now = kEnd - looks * kTick; now < kEnd; now += kTick) {
      set(FirstZ(now), thresholds_.judgement);
      judged = JudgeFleet(fleet_, thresholds_, state, now);
      EXPECT_TRUE(judged.first_error.ok()) << judged.first_error;
    }
    EXPECT_EQ(judged.processes_judged, pods_);
    return judged;
  }

  FakeFleet fleet_;
  Thresholds thresholds_;
  int64_t pods_ = 0;

 private:
  // Those that leak all have the same noise, and so the same z.
  void AddOne(const std::string& workload, double leak_per_h) {
    ProcessInfo info;
    info.key = ++pods_;
    info.workload = {"c", "n", "Deployment", workload};
    info.pod = workload + "-" + std::to_string(pods_);
    info.start_unix_ns = kWeeksAgo;
    info.last_seen_ns = kEnd;
    fleet_.processes[info.key] = info;
    std::mt19937_64 random(leak_per_h > 0 ? 0 : static_cast<uint64_t>(pods_));
    std::normal_distribution<double> normal;
    for (int64_t at = kStartNs; at < kEnd; at += 60 * kSecond) {
      const double hours = static_cast<double>(at - kStartNs) / kHour;
      fleet_.Put(
          info.key, {metric::kAnon, ""}, at,
          (0.3 + leak_per_h * hours) * kLimit + 2 * kMiB * normal(random));
      fleet_.Put(info.key, {metric::kCgroupLimit, ""}, at, kLimit);
    }
  }

  double FirstZ(int64_t now) const {
    LifeLog log;
    log.Add(*fleet_.Read(1, {metric::kAnon, ""}, 0, now + 1));
    WorkloadLife life;
    life.start_ns = kWeeksAgo;
    log.MoveTo(life.blocks);
    life.survived_peak = log.survived_peak();
    return JudgeLife({life}, 0, {{}, kLimit, {}}, thresholds_.judgement, now).z;
  }
};

// A rate of false discoveries that is ten times the chance of the first pod.
void TenTimesItsChance(double z, JudgementThresholds& thresholds) {
  ASSERT_GT(z, thresholds.min_z);
  thresholds.false_discovery_rate = 10 * ChanceOf(z);
}

TEST_F(FleetTest, AmongManyProcessesEachMustBeSurer) {
  Add("leaks", kLeakPerHour);
  AddFlat(5);  // ten times its chance over six is more than its chance
  EXPECT_EQ(Judge(&TenTimesItsChance).found.size(), 1U);
  AddFlat(30);
  const FleetJudgement judged = Judge(&TenTimesItsChance);
  EXPECT_TRUE(judged.found.empty());
  EXPECT_TRUE(judged.standing.empty());
}

TEST_F(FleetTest, WhatDoesNotLeakIsShownWithAVerdict) {
  Add("leaks", kLeakPerHour);
  AddFlat(1);
  const FleetJudgement judged = Judge([](double, JudgementThresholds&) {});
  ASSERT_EQ(judged.found.size(), 1U);
  ASSERT_EQ(judged.shown.size(), 1U);
  EXPECT_EQ(judged.shown.begin()->first.name, "flat-0");
  EXPECT_EQ(judged.shown.begin()->second.verdict, Verdict::kNone);
}

TEST_F(FleetTest, WhereManyLeakEachMayBeLessSure) {
  for (int i = 0; i < 6; ++i) Add("leaks-" + std::to_string(i), kLeakPerHour);
  AddFlat(30);  // ten times its chance, times 6 of 36, is more than its chance
  EXPECT_EQ(Judge(&TenTimesItsChance).found.size(), 6U);
}

// None of them is sure by itself; times the z of one.
std::function<void(double, JudgementThresholds&)> PooledFrom(double times) {
  return [times](double z, JudgementThresholds& thresholds) {
    thresholds.min_z = 2 * z;
    thresholds.min_pooled_z = times * z;
  };
}

TEST_F(FleetTest, PodsThatEachGrowUnsurelyAreSureTogether) {
  Add("shop", kLeakPerHour, 5);
  const FleetJudgement judged = Judge(PooledFrom(2));  // under sqrt(5)
  ASSERT_EQ(judged.found.size(), 1U);
  EXPECT_EQ(judged.found[0].processes.size(), 5U);
}

TEST_F(FleetTest, ThePoolMustBeSureItself) {
  Add("shop", kLeakPerHour, 5);
  EXPECT_TRUE(Judge(PooledFrom(2.5)).standing.empty()) << "over sqrt(5)";
}

TEST_F(FleetTest, OnePodIsNoPool) {
  Add("shop", kLeakPerHour);
  EXPECT_TRUE(Judge(PooledFrom(0.5)).standing.empty());
}

TEST_F(FleetTest, FewOfTheirPodsAreNoPool) {
  Add("shop", kLeakPerHour, 3);
  Add("shop", 0, 3);  // three of six are under .6
  EXPECT_TRUE(Judge(PooledFrom(0.5)).standing.empty());
  thresholds_.judgement.min_pooled_share = 0.5;
  EXPECT_EQ(Judge(PooledFrom(0.5)).standing.size(), 3U);
}

TEST_F(FleetTest, APoolWhoseMeanMayBeNoneIsNotSure) {
  Add("shop", kLeakPerHour, 5);
  thresholds_.judgement.interval_inflation = 1e4;
  EXPECT_TRUE(Judge(PooledFrom(0.5)).standing.empty());
}

// Half an hour until a type is followed, and an hour to stand.
constexpr int kTypeLooks = 24;

TEST_F(FleetTest, ALeakThatOnlyItsTypeShowsIsATicketOfPythonObjects) {
  Add("shop", 0);
  AddType("dict", 0);
  AddType("app.Order", 0.002);
  const FleetJudgement judged =
      Judge([](double, JudgementThresholds&) {}, kTypeLooks);
  ASSERT_EQ(judged.found.size(), 1U);
  const WorkloadJudgement& w = judged.found[0];
  EXPECT_FALSE(w.page);
  EXPECT_EQ(w.cause, Verdict::kPythonObject);
  // What its objects own may leak with it.
  const double truth = 0.002 * kLimit / 3600;
  EXPECT_LE(w.bytes_per_s.lo, truth);
  EXPECT_GE(w.bytes_per_s.lo, 0.5 * truth);
  EXPECT_GE(w.bytes_per_s.hi, truth);
  ASSERT_EQ(judged.standing.size(), 1U);
  EXPECT_EQ(judged.standing.begin()->second.by_type, "app.Order");
}

TEST_F(FleetTest, WhatHasNoTypeThatRisesIsAsBefore) {
  Add("shop", 0);
  AddType("dict", 0);
  EXPECT_TRUE(
      Judge([](double, JudgementThresholds&) {}, kTypeLooks).found.empty());
}

}  // namespace
}  // namespace plimsoll::collector
