#include "collector/core/diagnosis/pooled_stacks.h"

#include <gtest/gtest.h>

namespace plimsoll::collector {
namespace {

StackEvidence Row(const std::string& kind, int line, int64_t samples,
                  int64_t objects) {
  StackEvidence row;
  row.kind = kind;
  row.type = "app.T";
  row.samples = samples;
  row.objects = objects;
  row.time_ns = line;
  row.frames = {{"make", "/srv/app.py", "", line, false}};
  return row;
}

// A gateway: of nine samples of a first profile five may be of a line that
// has a fifth of the requests; its next profiles put that right.
TEST(PooledStacks, ProfilesOfOneLeakAddUp) {
  const auto rows =
      PoolFollowed({Row("birth", 21, 5, 500), Row("birth", 11, 4, 400),
                    Row("birth", 11, 20, 2000), Row("birth", 21, 1, 100)});
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].samples, 24);
  EXPECT_EQ(rows[1].objects, 2400);
  EXPECT_NEAR(rows[1].share, 0.8, 1e-12);
  // Wilson, 24 of 30, computed independently.
  EXPECT_NEAR(rows[1].share_low, 0.6269, 1e-3);
  EXPECT_NEAR(rows[1].share_high, 0.9049, 1e-3);
  EXPECT_NEAR(rows[0].share, 0.2, 1e-12);
}

TEST(PooledStacks, WhatWasCountedIsLeftAlone) {
  StackEvidence window = Row("window", 11, 0, 40);
  window.share = 0.4;
  const auto rows = PoolFollowed({window, window, Row("birth", 11, 4, 400)});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0], window);
  EXPECT_EQ(rows[2].share, 1);
}

TEST(PooledStacks, AFirstLineIsSureWhenMostOfItIs) {
  EXPECT_TRUE(IsFirstLineSure({}));
  EXPECT_TRUE(IsFirstLineSure({Row("window", 11, 0, 40)}));
  EXPECT_TRUE(IsFirstLineSure(PoolFollowed({Row("birth", 11, 12, 12)})));
  EXPECT_FALSE(IsFirstLineSure(
      PoolFollowed({Row("birth", 21, 5, 500), Row("birth", 11, 4, 400)})));
}

}  // namespace
}  // namespace plimsoll::collector
