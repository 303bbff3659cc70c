#include "agent/core/blink_length.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace plimsoll::core {
namespace {

TEST(BlinkLengthTest, DrawsAreSpread) {
  BlinkLength blink(1);
  int64_t least = INT64_MAX, most = 0;
  for (int i = 0; i < 1'000; ++i) {
    const int64_t ns = blink.DrawNs();
    least = std::min(least, ns);
    most = std::max(most, ns);
  }
  EXPECT_GT(least, 0);
  EXPECT_GT(most, 2 * least);
}

// Of 70 us to go, from wherever it begins.
TEST(BlinkLengthTest, ItFindsTheLengthFromEitherSide) {
  for (const int64_t to_go_ns : {20'000, 70'000, 300'000}) {
    BlinkLength blink(1);
    int kept = 0;
    int64_t sum_ns = 0;
    for (int i = 0; i < 1'100; ++i) {
      const int64_t ns = blink.DrawNs();
      if (i >= 100) sum_ns += ns;
      if (ns >= to_go_ns) {
        blink.KeptUnseen();
        if (i >= 100) ++kept;
      } else {
        blink.WentOn();
      }
    }
    EXPECT_NEAR(static_cast<double>(sum_ns) / 1'000,
                0.8 * static_cast<double>(to_go_ns),
                0.3 * static_cast<double>(to_go_ns));
    // As many steps down as up: 3.1 of a quarter for each of a half.
    EXPECT_NEAR(kept, 240, 60);
  }
}

TEST(BlinkLengthTest, ItIsBounded) {
  BlinkLength blink(1);
  for (int i = 0; i < 100; ++i) blink.WentOn();
  EXPECT_LE(blink.DrawNs(), 750'000);
  for (int i = 0; i < 100; ++i) blink.KeptUnseen();
  EXPECT_GE(blink.DrawNs(), 500);
  EXPECT_LE(blink.DrawNs(), 1'500);
}

TEST(BlinkLengthTest, ItGrowsFastUntilOneIsKept) {
  BlinkLength doubled(1), kept(1);
  kept.Kept();
  for (int i = 0; i < 3; ++i) {
    doubled.WentOn();
    kept.WentOn();
  }
  EXPECT_GE(doubled.DrawNs(), 80'000);
  EXPECT_LE(kept.DrawNs(), 60'000);
}

}  // namespace
}  // namespace plimsoll::core
