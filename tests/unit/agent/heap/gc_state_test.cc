#include "agent/heap/gc_state.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::heap {
namespace {

using testing::HeapBuilder;

core::GcLayout LayoutAt(uint64_t address) {
  core::GcLayout layout;
  layout.state_address = address;
  layout.enabled = 12;
  layout.generation_stats = 128;
  return layout;
}

TEST(GcStateTest, ReadsStatsAndWhetherItIsEnabled) {
  HeapBuilder heap(11);
  const uint64_t at = heap.Allocate(256);
  heap.Set<int32_t>(at + 12, 1);
  for (int i = 0; i < 9; ++i) heap.Set<int64_t>(at + 128 + 8 * i, 10 + i);
  const core::GcLayout layout = LayoutAt(at);
  auto state = ReadGcState(heap.memory(), layout);
  EXPECT_EQ(state.enabled, true);
  ASSERT_EQ(state.generations.size(), 3u);
  EXPECT_EQ(state.generations[0].collections, 10);
  EXPECT_EQ(state.generations[2].uncollectable, 18);
  // What makes no sense is not a figure.
  heap.Set<int32_t>(at + 12, 77);
  heap.Set<int64_t>(at + 128 + 8, -1);
  state = ReadGcState(heap.memory(), layout);
  EXPECT_FALSE(state.enabled.has_value());
  EXPECT_TRUE(state.generations.empty());
  EXPECT_TRUE(ReadGcState(heap.memory(), LayoutAt(4096)).generations.empty());
}

// struct gc_stats of 3.15: 11 young collections of 64 bytes and an index, then
// 3 and an index, twice.
TEST(GcStateTest, ReadsTheLastOfEachRing) {
  HeapBuilder heap(11);
  const uint64_t at = heap.Allocate(256);
  const uint64_t stats = heap.Allocate(1120);
  core::GcLayout layout;
  layout.state_address = at;
  layout.enabled = 0;
  layout.generation_stats_rings = 104;
  heap.Set<int32_t>(at, 1);
  heap.Set<uint64_t>(at + 104, stats);
  const uint64_t rings[] = {stats, stats + 712, stats + 912};
  const uint64_t index_at[] = {704, 192, 192};
  for (int g = 0; g < 3; ++g) {
    heap.Set<int8_t>(rings[g] + index_at[g], 2);
    for (int i = 0; i < 3; ++i) {
      heap.Set<int64_t>(rings[g] + 2 * 64 + 16 + 8 * i, 100 * g + i);
    }
  }
  auto state = ReadGcState(heap.memory(), layout);
  EXPECT_EQ(state.enabled, true);
  ASSERT_EQ(state.generations.size(), 3u);
  EXPECT_EQ(state.generations[1].collections, 100);
  EXPECT_EQ(state.generations[2].uncollectable, 202);
  // An index past the ring.
  heap.Set<int8_t>(rings[1] + 192, 3);
  EXPECT_TRUE(ReadGcState(heap.memory(), layout).generations.empty());
}

// A ring of `length` nodes besides `head`.
void MakeRing(HeapBuilder& heap, uint64_t head, int length) {
  uint64_t at = head;
  for (int i = 0; i < length; ++i) {
    const uint64_t node = heap.Allocate(48);
    heap.Set<uint64_t>(at, node | 1);  // a flag of the collector's
    at = node;
  }
  heap.Set<uint64_t>(at, head);
}

TEST(GcStateTest, CountsFrozenObjectsAndReadsThresholds) {
  HeapBuilder heap(11);
  const uint64_t at = heap.Allocate(256);
  core::GcLayout layout = LayoutAt(at);
  layout.generations = 24;
  layout.generation_stride = 24;
  layout.permanent_generation = 104;
  const int64_t thresholds[] = {700, 10, 7};
  for (int i = 0; i < 3; ++i) {
    heap.Set<int32_t>(at + 24 + 24 * i + 16, thresholds[i]);
  }
  MakeRing(heap, at + 104, 0);
  auto state = ReadGcState(heap.memory(), layout);
  EXPECT_EQ(state.frozen_objects, 0);
  EXPECT_THAT(state.thresholds, ::testing::ElementsAre(700, 10, 7));
  MakeRing(heap, at + 104, 1000);
  EXPECT_EQ(ReadGcState(heap.memory(), layout).frozen_objects, 1000);
  // The objects that are pending in the oldest generation.
  heap.Set<int64_t>(at + 128 + 72 + 24, 4000);
  heap.Set<int64_t>(at + 128 + 72 + 32, 900);
  state = ReadGcState(heap.memory(), layout);
  ASSERT_TRUE(state.long_lived.has_value());
  EXPECT_EQ(state.long_lived->total, 4000);
  EXPECT_EQ(state.long_lived->pending, 900);
}

// A list that was made up leads nowhere, into itself, or on for ever.
TEST(GcStateTest, ARingThatIsNoneHasNoLength) {
  HeapBuilder heap(11);
  const uint64_t at = heap.Allocate(256);
  core::GcLayout layout = LayoutAt(at);
  layout.permanent_generation = 104;
  heap.Set<uint64_t>(at + 104, 0);
  EXPECT_FALSE(ReadGcState(heap.memory(), layout).frozen_objects.has_value());
  heap.Set<uint64_t>(at + 104, 0x7fff00000000);
  EXPECT_FALSE(ReadGcState(heap.memory(), layout).frozen_objects.has_value());
  const uint64_t node = heap.Allocate(48);
  heap.Set<uint64_t>(at + 104, node);
  heap.Set<uint64_t>(node, node);
  EXPECT_FALSE(ReadGcState(heap.memory(), layout).frozen_objects.has_value());
  heap.Set<uint64_t>(at + 104, node + 4);
  EXPECT_FALSE(ReadGcState(heap.memory(), layout).frozen_objects.has_value());
}

TEST(GcStateTest, ThresholdsThatMakeNoSenseAreAbsent) {
  HeapBuilder heap(11);
  const uint64_t at = heap.Allocate(256);
  core::GcLayout layout = LayoutAt(at);
  layout.generations = 24;
  layout.generation_stride = 24;
  heap.Set<int32_t>(at + 24 + 24 + 16, -5);
  EXPECT_TRUE(ReadGcState(heap.memory(), layout).thresholds.empty());
  heap.Set<int32_t>(at + 128 + 72, 7);  // collecting: neither 0 nor 1
  EXPECT_FALSE(ReadGcState(heap.memory(), layout).long_lived.has_value());
}

}  // namespace
}  // namespace plimsoll::heap
