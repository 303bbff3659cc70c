#include "agent/heap/chunk_use.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/malloc_builder.h"

namespace plimsoll::heap {
namespace {

using ::plimsoll::testing::MallocBuilder;
using ::testing::ElementsAre;

TEST(ChunkUse, IsWhatTheNextHeadSays) {
  MallocBuilder malloc;
  const uint64_t used = malloc.Add(112);
  const uint64_t freed = malloc.Add(112, false);
  malloc.Add(64);
  malloc.End();
  const auto in_use = ChunksInUse(malloc.heap().memory(), {{used + 16, 112},
                                                           {freed + 16, 112},
                                                           {used + 16, 128},
                                                           {used + 32, 112}});
  EXPECT_THAT(in_use, ElementsAre(true, false, false, false));
}

TEST(ChunkUse, AMappingOfItsOwnIsInUseWhileItsHeadStands) {
  MallocBuilder malloc;
  const uint64_t at = MallocBuilder::kHeap + 0x4000;
  malloc.heap().Set<uint64_t>(at + 8, 0x41000 | 2);
  EXPECT_THAT(ChunksInUse(malloc.heap().memory(),
                          {{at + 16, 0x41000}, {at + 16, 0x40000}}),
              ElementsAre(true, false));
}

TEST(ChunkUse, WhatCannotBeReadIsNot) {
  MallocBuilder malloc;
  const uint64_t last = MallocBuilder::kHeapEnd - 32;
  malloc.heap().Set<uint64_t>(last + 8, 4096 | 1);
  EXPECT_THAT(ChunksInUse(malloc.heap().memory(), {{last + 16, 4096},
                                                   {0, 32},
                                                   {16, 32},
                                                   {~uint64_t{15}, 32},
                                                   {last + 16, ~uint64_t{15}}}),
              ElementsAre(false, false, false, false, false));
}

}  // namespace
}  // namespace plimsoll::heap
