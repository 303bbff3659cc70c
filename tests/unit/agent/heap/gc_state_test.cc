#include "agent/heap/gc_state.h"

#include "gtest/gtest.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::heap {
namespace {

using testing::HeapBuilder;

TEST(GcStateTest, ReadsStatsAndWhetherItIsEnabled) {
  HeapBuilder heap(11);
  const uint64_t at = heap.Allocate(256);
  heap.Set<int32_t>(at + 12, 1);
  for (int i = 0; i < 9; ++i) heap.Set<int64_t>(at + 128 + 8 * i, 10 + i);
  const core::GcLayout layout{
      .state_address = at, .enabled = 12, .generation_stats = 128};
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
  EXPECT_TRUE(
      ReadGcState(heap.memory(), core::GcLayout{.state_address = 4096,
                                                .enabled = 12,
                                                .generation_stats = 128})
          .generations.empty());
}

}  // namespace
}  // namespace plimsoll::heap
