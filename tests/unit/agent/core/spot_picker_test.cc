#include "agent/core/spot_picker.h"

#include <gtest/gtest.h>

#include <map>

namespace plimsoll::core {
namespace {

using Kind = ChunkSource::Kind;

BlockClass Chunks(int32_t bytes, int64_t objects) {
  return {.block_bytes = bytes,
          .objects = objects,
          .most_bytes = bytes,
          .step_bytes = bytes};
}

TEST(SpotPicker, ChunksAreDrawnByTheBytesThatTheyGrowBy) {
  SpotPicker picker({Chunks(64, 900), Chunks(6400, 1)}, {{Kind::kTop, 1}}, 0,
                    1);
  std::map<size_t, int> drawn;
  for (int i = 0; i < 1000; ++i) ++drawn[picker.Next().in_class];
  EXPECT_NEAR(drawn[1], 100, 40);
}

TEST(SpotPicker, AThreadsCacheHoldsNoLargeChunk) {
  SpotPicker picker({Chunks(2048, 1)}, {{Kind::kCache, 1}, {Kind::kTop, 2}}, 0,
                    1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(picker.source_of(picker.Next()).kind, Kind::kTop);
  }
}

TEST(SpotPicker, WhatIsReachedIsAskedMost) {
  std::vector<ChunkSource> sources;
  for (uint64_t i = 0; i < 40; ++i) sources.push_back({Kind::kCache, i});
  SpotPicker picker({Chunks(64, 1)}, sources, 0, 1);
  int of_the_one = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto pick = picker.Next();
    if (pick.source == 7) {
      picker.Reached(pick);
      of_the_one += i >= 1000;
    } else {
      picker.NotReached(pick);
    }
  }
  EXPECT_GT(of_the_one, 700);
}

TEST(SpotPicker, LateMeansFartherAheadAndUnreachedNearer) {
  SpotPicker picker({{.block_bytes = 48, .objects = 1, .list_head = 9}}, {},
                    1000, 1);
  const auto pick = picker.Next();
  EXPECT_GE(picker.WishFor(pick).ahead, 20) << "20 ms of 1,000 a second";
  EXPECT_LE(picker.WishFor(pick).ahead, 42);
  EXPECT_EQ(picker.WishFor(pick).list_head, 9U);
  picker.Late(pick);
  EXPECT_GE(picker.WishFor(pick).ahead, 41);
  for (int i = 0; i < 10; ++i) picker.NotReached(pick);
  EXPECT_LE(picker.WishFor(pick).ahead, 2);
}

TEST(SpotPicker, OfChunksTheNextOneUnlessTheyAreMadeFast) {
  const std::vector<ChunkSource> top = {{Kind::kTop, 1}};
  SpotPicker slow({Chunks(3024, 1)}, top, 100, 1);
  const auto pick = slow.Next();
  EXPECT_EQ(slow.WishFor(pick).ahead, 0);
  slow.Late(pick);
  EXPECT_GE(slow.WishFor(pick).ahead, 1);
  slow.PassedOver(pick);
  EXPECT_EQ(slow.WishFor(pick).ahead, 0);
  SpotPicker fast({Chunks(64, 1)}, top, 10'000, 1);
  EXPECT_GE(fast.WishFor(fast.Next()).ahead, 50);
}

}  // namespace
}  // namespace plimsoll::core
