#include "agent/core/native_growth.h"

#include <gtest/gtest.h>

#include "agent/core/native_inspector.h"

namespace plimsoll::core {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::vector<NativeSnapshot> Samples(size_t n) {
  std::vector<NativeSnapshot> samples(n);
  for (size_t i = 0; i < n; ++i) samples[i].address = 4096 * (i + 1);
  return samples;
}

TEST(NativeGrowth, SaysWhatItsSamplesStandFor) {
  NativeGrowth growth;
  growth.Add(Samples(2), 1, kSecond);
  growth.Add(Samples(1), 10.4, 2 * kSecond);
  EXPECT_FALSE(growth.TakeIfDue(60 * kSecond, 60 * kSecond).has_value());
  const auto raw = growth.TakeIfDue(61 * kSecond, 60 * kSecond);
  ASSERT_TRUE(raw.has_value());
  EXPECT_EQ(raw->profile.kind, ProfileKind::kPage);
  ASSERT_EQ(raw->snapshots.size(), 3u);
  ASSERT_EQ(raw->stacks.size(), 3u);
  ASSERT_EQ(raw->profile.counts.size(), 3u);
  EXPECT_EQ(raw->profile.counts[0].allocated_bytes, 4096);
  EXPECT_EQ(raw->profile.counts[2].allocations, 10);
  EXPECT_EQ(raw->profile.counts[2].stack_index, 2u);
  EXPECT_EQ(raw->profile.coverage.seen, 12);
  EXPECT_EQ(raw->profile.coverage.total, 12);
  EXPECT_TRUE(raw->profile.net_counts_refused);
  EXPECT_FALSE(growth.TakeIfDue(999 * kSecond, 0).has_value());
}

TEST(NativeGrowth, IsTakenWhenFullAndTellsWhatFoundNoRoom) {
  NativeGrowth growth;
  growth.Add(Samples(kMostSnapshotsAtOnce + 44), 2, kSecond);
  const auto raw = growth.TakeIfDue(kSecond, 60 * kSecond);
  ASSERT_TRUE(raw.has_value());
  EXPECT_EQ(raw->snapshots.size(), kMostSnapshotsAtOnce);
  EXPECT_EQ(raw->profile.coverage.total - raw->profile.coverage.seen, 88);
  EXPECT_TRUE(raw->profile.coverage.sampled);
}

TEST(NativeGrowth, ThePeriodFollowsTheRate) {
  EXPECT_EQ(NextSamplePeriod(1, 40, 40), 1u);
  EXPECT_EQ(NextSamplePeriod(1, 4000, 40), 100u);
  EXPECT_EQ(NextSamplePeriod(100, 40, 40), 100u);
  EXPECT_EQ(NextSamplePeriod(100, 1, 40), 25u);
  EXPECT_EQ(NextSamplePeriod(1, 0, 40), 1u);
  EXPECT_EQ(NextSamplePeriod(4000, 4'000'000, 40), 4096u);
}

TEST(NativeGrowth, ARefusedProcessIsOnlyNamed) {
  const PythonProcess process = RefusedProcess(42, 1042);
  EXPECT_EQ(process.pid, 42);
  EXPECT_EQ(process.start_ticks, 1042u);
  EXPECT_EQ(process.type_type_address, 0u);
  EXPECT_EQ(process.frames.thread_state_address, 0u);
}

}  // namespace
}  // namespace plimsoll::core
