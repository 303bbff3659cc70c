#include "agent/core/census_schedule.h"

#include <gtest/gtest.h>

namespace plimsoll::core {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMiB = 1 << 20;

struct Counts {
  int full = 0;
  int headers = 0;
};

// Runs `seconds`, with the heap growing by a rate, and counts the looks.
Counts Simulate(int seconds, int64_t bytes_per_second, bool in_holes) {
  CensusSchedule schedule(30 * kSecond, 30 * kSecond);
  Counts counts;
  int64_t live = 100 * kMiB;
  int64_t anon = 120 * kMiB;
  for (int64_t now = 1; now < seconds * kSecond; now += 10 * kSecond) {
    live += 10 * bytes_per_second;
    if (!in_holes) anon += 10 * bytes_per_second;
    schedule.ObserveBytes(now, anon);
    CensusKind due = schedule.Due(now);
    if (due == CensusKind::kFull) {
      ++counts.full;
      schedule.CensusTaken(now, anon, live);
    } else if (due == CensusKind::kHeaders) {
      ++counts.headers;
      schedule.HeadersTaken(now, live);
    }
  }
  return counts;
}

TEST(CensusScheduleTest, TheFirstLookIsAFullOneAtOnce) {
  EXPECT_EQ(CensusSchedule(30, 30).Due(0), CensusKind::kFull);
}

TEST(CensusScheduleTest, AnIdleHeapIsLeftAloneButItsHeadersAreRead) {
  Counts counts = Simulate(3600, 0, false);
  EXPECT_LE(counts.full, 8);
  EXPECT_GE(counts.full, 4);
  EXPECT_GE(counts.headers, 25);
  EXPECT_LE(counts.headers, 40);
}

TEST(CensusScheduleTest, AGrowingHeapIsTakenEachPeriod) {
  EXPECT_GE(Simulate(3600, 200'000, false).full, 100);
}

// The heap has room: no page is added, only headers show the growth.
TEST(CensusScheduleTest, GrowthIntoHolesIsSeenByHeaders) {
  EXPECT_GE(Simulate(3600, 200'000, true).full, 50);
}

TEST(CensusScheduleTest, GrowthAfterQuietIsSeenWithinOnePeriod) {
  CensusSchedule schedule(30 * kSecond, 30 * kSecond);
  int64_t now = 0;
  for (int i = 0; i < 20; ++i) {
    schedule.CensusTaken(now, 100 * kMiB, 90 * kMiB);
    now += 1000 * kSecond;
  }
  EXPECT_EQ(schedule.Due(now - 999 * kSecond), CensusKind::kNone);
  schedule.ObserveBytes(now - 960 * kSecond, 103 * kMiB);
  EXPECT_TRUE(schedule.growing());
  EXPECT_EQ(schedule.Due(now - 960 * kSecond), CensusKind::kFull);
}

// What grows is looked at ahead of the rest, so it must be known early.
TEST(CensusScheduleTest, GrowthIsKnownBeforeTheFirstCensus) {
  CensusSchedule schedule(30 * kSecond, 30 * kSecond);
  schedule.ObserveBytes(0, 100 * kMiB);
  EXPECT_FALSE(schedule.growing());
  schedule.ObserveBytes(10 * kSecond, 101 * kMiB);
  EXPECT_TRUE(schedule.growing());
  schedule.CensusTaken(11 * kSecond, 101 * kMiB, 90 * kMiB);
  EXPECT_EQ(schedule.Due(40 * kSecond), CensusKind::kNone);
  EXPECT_EQ(schedule.Due(41 * kSecond), CensusKind::kFull);
}

TEST(CensusScheduleTest, AFailedLookWaits) {
  CensusSchedule schedule(30 * kSecond, 30 * kSecond);
  schedule.Postpone(5 * kSecond);
  EXPECT_EQ(schedule.Due(34 * kSecond), CensusKind::kNone);
  EXPECT_EQ(schedule.Due(35 * kSecond), CensusKind::kFull);
}

}  // namespace
}  // namespace plimsoll::core
