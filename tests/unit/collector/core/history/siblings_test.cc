#include "collector/core/history/siblings.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace plimsoll::collector {
namespace {

constexpr double kHour_s = 3600;
constexpr double kSixHours_s = 6 * kHour_s;
constexpr double kMiB = 1 << 20;

int64_t Ns(double hours) {
  return 1'700'000'000'000'000'000 + static_cast<int64_t>(hours * 3.6e12);
}

// A life from its start (in hours) for so long; `mib` of its age in hours.
WorkloadLife Make(const std::string& version, double start_h, double hours,
                  const std::function<double(double)>& mib) {
  WorkloadLife life;
  life.version = version;
  life.start_ns = Ns(start_h);
  for (double age = 0; age < hours; age += 1. / 12) {
    life.blocks.push_back({Ns(start_h + age), mib(age) * kMiB, 0, 0});
  }
  return life;
}

double Leak(double age) { return 100 + 20 * age; }
double Flat(double) { return 100; }
double Cache(double age) { return 100 + 20 * std::min(age, 3.0); }

constexpr double kRate = 20 * kMiB / kHour_s;

SiblingWord Ask(const std::vector<WorkloadLife>& lives, double now_h) {
  return AskSiblings(lives, 0, kRate, 1.5 * kHour_s, kSixHours_s, Ns(now_h));
}

TEST(Siblings, RateAtAge) {
  const WorkloadLife life = Make("v1", 0, 8, Cache);
  EXPECT_NEAR(*RateAtAge(life, 0, 3 * kHour_s), kRate, 0.01 * kRate);
  EXPECT_NEAR(*RateAtAge(life, 4 * kHour_s, 7 * kHour_s), 0, 1e-6);
  EXPECT_FALSE(RateAtAge(life, 7.8 * kHour_s, 20 * kHour_s).has_value());
  EXPECT_FALSE(RateAtAge(WorkloadLife{}, 0, kHour_s).has_value());
}

TEST(Siblings, AnOlderOneThatStoppedExplainsAFill) {
  EXPECT_EQ(Ask({Make("v1", 10, 2, Cache), Make("v1", 0, 12, Cache)}, 12),
            SiblingWord::kFlattens);
}

TEST(Siblings, AnOlderOneThatGrowsOnDoesNot) {
  EXPECT_EQ(Ask({Make("v1", 10, 2, Leak), Make("v1", 0, 12, Leak)}, 12),
            SiblingWord::kGoesOn);
}

TEST(Siblings, WhatStandsAboveAllThatStoppedIsNoFill) {
  const auto high = [](double age) { return 130 + 20 * age; };
  EXPECT_EQ(Ask({Make("v1", 10, 2, high), Make("v1", 0, 12, Cache)}, 12),
            SiblingWord::kFlattens)
      << "170 of 160: lives differ by so much";
  EXPECT_EQ(Ask({Make("v1", 9, 3, high), Make("v1", 0, 12, Cache)}, 12),
            SiblingWord::kOutgrew);
}

TEST(Siblings, OneThatMayBeFillingItselfSaysNothing) {
  EXPECT_EQ(Ask({Make("v1", 10, 2, Leak), Make("v1", 8, 4, Leak)}, 12),
            SiblingWord::kNothing);
}

TEST(Siblings, OneThatWasKilledSpeaksForALeak) {
  WorkloadLife killed = Make("v1", 6, 3, Leak);
  killed.killed = true;
  EXPECT_EQ(Ask({Make("v1", 10, 2, Leak), killed}, 12), SiblingWord::kGoesOn);
}

TEST(Siblings, AnotherVersionAtTheSameAge) {
  EXPECT_EQ(Ask({Make("v2", 10, 2, Leak), Make("v1", 0, 10, Flat)}, 12),
            SiblingWord::kNewVersion);
  EXPECT_EQ(Ask({Make("v2", 10, 2.6, Cache), Make("v1", 0, 10, Cache)}, 12.6),
            SiblingWord::kFlattens);
  EXPECT_EQ(Ask({Make("v2", 10, 2, Leak)}, 12), SiblingWord::kNothing);
}

TEST(LifeLog, KeepsFloorsPeaksAndWhatWasSurvived) {
  LifeLog log;
  std::vector<Sample> samples;
  for (int i = 0; i < 240; ++i) {  // two hours each half minute
    const double h = i / 120.0;
    const double level = h < 1 ? 100 + 100 * h : 120;
    samples.push_back({Ns(h), (level + (i % 2 == 0 ? 0 : 5)) * kMiB});
  }
  log.Add(samples);
  log.Add(samples);  // sent again
  log.AddRequests(7);
  std::vector<MemoryBlock> blocks;
  log.MoveTo(blocks);
  ASSERT_GE(blocks.size(), 23u);
  ASSERT_LE(blocks.size(), 25u);
  EXPECT_NEAR(blocks[3].peak - blocks[3].floor, 13 * kMiB, 6 * kMiB);
  EXPECT_NEAR(log.survived_peak(), 190 * kMiB, 6 * kMiB);
  EXPECT_EQ(log.newest_ns(), samples.back().time_ns);
  EXPECT_EQ(blocks.back().requests, 7);
}

TEST(LifeLog, IsBoundedAndMovedInPartsTheSame) {
  LifeLog at_once, in_parts;
  std::vector<MemoryBlock> all, parts;
  for (int i = 0; i < 8000; ++i) {
    const std::vector<Sample> one = {{Ns(i / 48.0), i % 7 * kMiB}};
    at_once.Add(one);
    at_once.AddRequests(1);
    in_parts.Add(one);
    in_parts.AddRequests(1);
    // Also while a block is under way, before its half and after it.
    if (i % 3 == 0 && i % 100 < 50) in_parts.MoveTo(parts);
  }
  at_once.MoveTo(all);
  in_parts.MoveTo(parts);
  EXPECT_GE(all.size(), LifeLog::kMostBlocks);
  EXPECT_LE(all.size(), LifeLog::kMostBlocks + 1);
  EXPECT_LE(parts.capacity(), LifeLog::kMostBlocks + 1);
  ASSERT_EQ(all.size(), parts.size());
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].time_ns, parts[i].time_ns) << i;
    EXPECT_EQ(all[i].floor, parts[i].floor) << i;
    EXPECT_EQ(all[i].peak, parts[i].peak) << i;
    EXPECT_EQ(all[i].requests, parts[i].requests) << i;
  }
}

}  // namespace
}  // namespace plimsoll::collector
