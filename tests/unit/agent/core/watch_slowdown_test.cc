#include "agent/core/watch_slowdown.h"

#include <gtest/gtest.h>

namespace plimsoll::core {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

TEST(WatchSlowdown, IsTakenToBeATenthUntilThereAreSamples) {
  WatchSlowdown slowdown;
  slowdown.Tick(false, {}, 0);
  slowdown.Tick(true, {}, kSecondNs);
  EXPECT_NEAR(slowdown.lost_ns(), 0.1 * kSecondNs, 1);
}

TEST(WatchSlowdown, CountsCpuTimeOnlyWhileOneStands) {
  WatchSlowdown slowdown;
  slowdown.Tick(false, {}, 0);
  slowdown.Tick(false, {100'000, 0}, 5 * kSecondNs);
  EXPECT_EQ(slowdown.lost_ns(), 0);
  slowdown.Tick(true, {200'000, 0}, 6 * kSecondNs);
  EXPECT_NEAR(slowdown.lost_ns(), 0, 1e-4 * kSecondNs);
}

// A loop of which 100 ns are copies and 900 are not: with a watchpoint the
// copies take 1,000, so that 900 of 1,900 are lost.
TEST(WatchSlowdown, IsWhatStringInstructionsTakeBeyondWhatTheyTookBefore) {
  WatchSlowdown slowdown;
  slowdown.Tick(false, {}, 0);
  slowdown.Tick(false, {100'000, 10'000}, kSecondNs);
  slowdown.Tick(true, {100'000 + 190'000, 10'000 + 100'000}, 2 * kSecondNs);
  EXPECT_NEAR(slowdown.lost_share(), 900.0 / 1900, 1e-3);
}

TEST(WatchSlowdown, CopiesThatTakeAsLongAsBeforeAreNoLoss) {
  WatchSlowdown slowdown;
  slowdown.Tick(false, {}, 0);
  slowdown.Tick(false, {100'000, 40'000}, kSecondNs);
  slowdown.Tick(true, {200'000, 80'000}, 2 * kSecondNs);
  EXPECT_NEAR(slowdown.lost_share(), 0, 1e-3);
}

TEST(WatchSlowdown, AProcessThatCannotBeReadAddsNothing) {
  WatchSlowdown slowdown;
  slowdown.Tick(true, {}, -1);
  slowdown.Tick(true, {10, 10}, kSecondNs);
  slowdown.Tick(true, {20, 20}, -1);
  EXPECT_EQ(slowdown.lost_ns(), 0);
}

}  // namespace
}  // namespace plimsoll::core
