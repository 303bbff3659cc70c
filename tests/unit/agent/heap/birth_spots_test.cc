#include "agent/heap/birth_spots.h"

#include <gtest/gtest.h>

#include "agent/heap/birth_survey.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::heap {
namespace {

using ::plimsoll::testing::HeapBuilder;

constexpr int32_t kBlock = 48;

// Two pools with free blocks in the class' list, and a full one outside.
class BirthSpotsTest : public ::testing::TestWithParam<int> {
 protected:
  BirthSpotsTest()
      : heap_(GetParam()),
        class_(heap_.AddClass("m", heap_.AddStr(std::string_view("C")))),
        first_(heap_.AddPool(kBlock, 5)),
        second_(heap_.AddPool(kBlock)),
        full_(heap_.AddPool(kBlock)),
        head_(heap_.Allocate(64)) {
    heap_.Free(first_, {3, 1});  // handed out next: 1, then 3
    heap_.Free(second_, {7});
    Link(head_, first_.address);
    Link(first_.address, second_.address);
    Link(second_.address, head_);
    heap_.PutObject(first_, 0, class_, 16);
    heap_.PutObject(first_, 1, class_, 16);  // on the free list
    heap_.PutObject(full_, 4, class_, 16);
  }
  void Link(uint64_t from, uint64_t to) {
    heap_.Set<uint64_t>(from + 16, to);
    heap_.Set<uint64_t>(to + 24, from);
  }
  core::BirthSpot Find(int64_t ahead) {
    return FindSpot(heap_.memory(), heap_.python().objects,
                    {kBlock, head_, ahead});
  }
  core::BlockState At(uint64_t block, int32_t bytes = kBlock) {
    return LookAtBlock(heap_.memory(), heap_.python().objects,
                       {block, bytes, 16});
  }
  int64_t FreeInFirst() const {
    const uint32_t capacity =
        (GetParam() >= 10 ? 16384U - 48U : 4096U - 48U) / kBlock;
    return capacity - 3;
  }

  HeapBuilder heap_;
  uint64_t class_;
  HeapBuilder::Pool first_, second_, full_;
  uint64_t head_;
};

TEST_P(BirthSpotsTest, GoesInTheOrderOfTheAllocator) {
  EXPECT_EQ(Find(0).block, heap_.Block(first_, 1));
  EXPECT_EQ(Find(1).block, heap_.Block(first_, 3));
  EXPECT_EQ(Find(2).block, heap_.Block(first_, 5)) << "the untouched tail";
  EXPECT_EQ(Find(FreeInFirst()).block, heap_.Block(second_, 7));
  EXPECT_EQ(Find(FreeInFirst()).ahead, FreeInFirst());
}

TEST_P(BirthSpotsTest, ThePastTheEndIsTheLastBlock) {
  const core::BirthSpot spot = Find(1'000'000);
  EXPECT_EQ(spot.block, heap_.Block(second_, 7));
  EXPECT_EQ(spot.ahead, FreeInFirst());
}

TEST_P(BirthSpotsTest, ATornListOrFreeListHasNoSpot) {
  heap_.Set<uint64_t>(heap_.Block(first_, 1), 0x1234);
  EXPECT_EQ(Find(1).block, 0U);
  heap_.Set<uint64_t>(head_ + 16, HeapBuilder::kBase + 8);
  EXPECT_EQ(Find(0).block, 0U);
  EXPECT_EQ(FindSpot(heap_.memory(), heap_.python().objects,
                     {kBlock, 0xffffffffffffff00, 0})
                .block,
            0U);
}

TEST_P(BirthSpotsTest, ALoopOfPoolsEnds) {
  Link(second_.address, first_.address);
  EXPECT_NE(Find(1'000'000'000).block, 0U);
}

TEST_P(BirthSpotsTest, SaysWhatABlockIs) {
  const core::BlockState live = At(heap_.Block(first_, 0));
  EXPECT_TRUE(live.in_pool && live.handed_out && live.referenced);
  EXPECT_EQ(live.type_address, class_);
  const core::BlockState freed = At(heap_.Block(first_, 1));
  EXPECT_TRUE(freed.in_pool);
  EXPECT_FALSE(freed.handed_out) << "though its type word still stands";
  EXPECT_FALSE(At(heap_.Block(first_, 9)).handed_out) << "never handed out";
  EXPECT_FALSE(At(heap_.Block(first_, 0), 64).in_pool) << "another class";
  EXPECT_FALSE(At(heap_.Block(first_, 0) + 16).in_pool) << "no block's start";
  EXPECT_FALSE(At(16).in_pool);
}

TEST_P(BirthSpotsTest, TheSurveyCountsAndFindsTheListHead) {
  const auto survey =
      SurveyBirths(heap_.memory(), heap_.mappings(),
                   PoolRanges(heap_.mappings()), heap_.python(), class_);
  ASSERT_TRUE(survey.ok()) << survey.status();
  ASSERT_EQ(survey->classes.size(), 1U);
  EXPECT_EQ(survey->classes[0], (core::BlockClass{kBlock, 16, 2, head_}));
  EXPECT_EQ(survey->type_flags & (1 << 9), 1U << 9);
  EXPECT_TRUE(
      IsListHead(heap_.memory(), heap_.python().objects, head_, kBlock));
  EXPECT_FALSE(IsListHead(heap_.memory(), heap_.python().objects,
                          first_.address, kBlock));
}

// No pool of the class has a free block: its head is two words a class on.
TEST_P(BirthSpotsTest, ANeighboursHeadGivesThatOfAFullClass) {
  const auto other = heap_.AddPool(64);
  heap_.PutObject(other, 0, class_, 16);
  heap_.PutObject(other, 1, class_, 16);
  heap_.PutObject(other, 2, class_, 16);
  Link(head_ + 16, head_ + 16);  // in this order: the words overlap
  heap_.Set<uint64_t>(head_ + 16, first_.address);
  heap_.Set<uint64_t>(head_ + 24, second_.address);
  heap_.Set<uint64_t>(head_ + 32, head_ + 16);
  const auto survey =
      SurveyBirths(heap_.memory(), heap_.mappings(),
                   PoolRanges(heap_.mappings()), heap_.python(), class_);
  ASSERT_TRUE(survey.ok()) << survey.status();
  ASSERT_EQ(survey->classes.size(), 2U);
  EXPECT_EQ(survey->classes[0].block_bytes, 64);
  EXPECT_EQ(survey->classes[0].list_head, head_ + 16);
}

TEST_P(BirthSpotsTest, WhatIsNoTypeIsRefused) {
  const auto survey = SurveyBirths(heap_.memory(), heap_.mappings(),
                                   PoolRanges(heap_.mappings()), heap_.python(),
                                   heap_.Block(first_, 0));
  EXPECT_TRUE(absl::IsUnimplemented(survey.status())) << survey.status();
}

INSTANTIATE_TEST_SUITE_P(Minors, BirthSpotsTest, ::testing::Values(8, 11));

}  // namespace
}  // namespace plimsoll::heap
