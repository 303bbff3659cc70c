// Where malloc's next chunks come from, and what stands at one, over a made-up
// arena and cache.
#include "agent/heap/chunk_spots.h"

#include <gtest/gtest.h>

#include "agent/heap/census.h"
#include "agent/heap/chunk_survey.h"
#include "agent/heap/malloc_arena.h"
#include "tests/support/malloc_builder.h"

namespace plimsoll::heap {
namespace {

using Kind = core::ChunkSource::Kind;
using testing::MallocBuilder;

core::SpotWish Wish(Kind kind, int32_t bytes, int64_t ahead = 0,
                    int32_t most = 0) {
  return {.block_bytes = bytes,
          .ahead = ahead,
          .most_bytes = most != 0 ? most : bytes,
          .step_bytes = bytes,
          .source = {kind, kind == Kind::kCache ? MallocBuilder::kCache
                                                : MallocBuilder::kArena}};
}

core::BlockQuestion About(uint64_t chunk, int32_t bytes) {
  return {.block = chunk,
          .block_bytes = bytes,
          .most_bytes = bytes,
          .cache_mark = MallocBuilder::kMark};
}

TEST(MallocArena, IsFoundByItsShapeInTheDataOfLibc) {
  MallocBuilder malloc;
  malloc.End();
  auto& memory = malloc.heap().memory();
  EXPECT_EQ(FindArenas(memory, malloc.mappings()),
            std::vector<uint64_t>{MallocBuilder::kArena});
  // One that was not used yet has its top in itself.
  malloc.heap().Set<uint64_t>(MallocBuilder::kArena + 96,
                              MallocBuilder::kArena + 96);
  EXPECT_TRUE(FindArenas(memory, malloc.mappings()).empty());
}

TEST(MallocArena, ABinThatLeadsNowhereIsNone) {
  MallocBuilder malloc;
  malloc.End();
  malloc.heap().Set<uint64_t>(MallocBuilder::kArena + 112 + 160, 12345);
  EXPECT_FALSE(ReadArena(malloc.heap().memory(), MallocBuilder::kArena));
}

TEST(MallocArena, ACacheIsOneWhenChunksOfItsClassesHangInIt) {
  MallocBuilder malloc;
  const uint64_t chunk = malloc.Add(64);
  malloc.End();
  auto& memory = malloc.heap().memory();
  EXPECT_FALSE(ReadThreadCache(memory, MallocBuilder::kCache)) << "all zeros";
  malloc.Cache(chunk, 64);
  const auto cache = ReadThreadCache(memory, MallocBuilder::kCache);
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache->entries[2], chunk + 16);
  malloc.Cache(chunk, 80);  // the class is not that of the chunk
  EXPECT_FALSE(ReadThreadCache(memory, MallocBuilder::kCache));
}

TEST(ChunkSpots, TheFirstOfACacheIsNext) {
  MallocBuilder malloc;
  const uint64_t chunk = malloc.Add(64);
  malloc.Add(64);
  malloc.End();
  malloc.Cache(chunk, 64);
  auto& memory = malloc.heap().memory();
  const auto spot = FindChunkSpot(memory, Wish(Kind::kCache, 64));
  EXPECT_EQ(spot.block, chunk);
  EXPECT_EQ(spot.cache_mark, MallocBuilder::kMark);
  EXPECT_EQ(spot.head, 64U | 1);
  EXPECT_EQ(FindChunkSpot(memory, Wish(Kind::kCache, 80)).block, 0U);
  EXPECT_EQ(FindChunkSpot(memory, Wish(Kind::kCache, 4096)).block, 0U);
  EXPECT_FALSE(LookAtChunk(memory, About(chunk, 64)).handed_out);
  EXPECT_TRUE(LookAtChunk(memory, About(chunk, 64)).in_pool);
  malloc.heap().Set<uint64_t>(chunk + 24, 0);  // taken
  EXPECT_TRUE(LookAtChunk(memory, About(chunk, 64)).handed_out);
}

TEST(ChunkSpots, TheTopIsCutInSteps) {
  MallocBuilder malloc;
  malloc.Add(64);
  const uint64_t top = malloc.End();
  auto& memory = malloc.heap().memory();
  EXPECT_EQ(FindChunkSpot(memory, Wish(Kind::kTop, 64)).block, top);
  EXPECT_EQ(FindChunkSpot(memory, Wish(Kind::kTop, 64, 3)).block, top + 3 * 64);
  auto question = About(top + 64, 64);
  question.arena = MallocBuilder::kArena;
  EXPECT_TRUE(LookAtChunk(memory, question).in_pool) << "not cut yet";
  EXPECT_FALSE(LookAtChunk(memory, question).handed_out);
  malloc.heap().Set<uint64_t>(MallocBuilder::kArena + 96, top + 4096);
  EXPECT_FALSE(LookAtChunk(memory, question).in_pool) << "passed over";
}

TEST(ChunkSpots, OfTheBinsTheSmallestThatIsLargeEnough) {
  MallocBuilder malloc;
  const uint64_t large = malloc.Add(8192, false);
  malloc.Add(64);
  const uint64_t exact = malloc.Add(2048, false);
  malloc.Add(64);
  malloc.End();
  malloc.SetBin(70, large);
  auto& memory = malloc.heap().memory();
  EXPECT_EQ(FindChunkSpot(memory, Wish(Kind::kBins, 2048, 0, 4080)).block,
            large);
  malloc.SetBin(0, exact);
  const auto spot = FindChunkSpot(memory, Wish(Kind::kBins, 2048, 0, 4080));
  EXPECT_EQ(spot.block, exact);
  EXPECT_EQ(spot.chunk_bytes, 2048);
  EXPECT_EQ(spot.next_head, 64U) << "not marked as in use behind it";
  EXPECT_FALSE(LookAtChunk(memory, About(exact, 2048)).handed_out);
  EXPECT_TRUE(LookAtChunk(memory, About(exact, 2048)).in_pool);
}

TEST(ChunkSpots, WhatIsNoChunkIsNone) {
  MallocBuilder malloc;
  malloc.End();
  auto& memory = malloc.heap().memory();
  EXPECT_EQ(FindChunkSpot(memory, Wish(Kind::kTop, 60)).block, 0U);
  EXPECT_EQ(FindChunkSpot(memory, Wish(Kind::kTop, -16)).block, 0U);
  EXPECT_FALSE(
      LookAtChunk(memory, About(MallocBuilder::kHeap + 1, 64)).in_pool);
  EXPECT_FALSE(LookAtChunk(memory, About(16, 64)).in_pool);
}

core::BirthSurvey Survey(MallocBuilder& malloc, uint64_t type) {
  const auto mappings = malloc.mappings();
  auto survey =
      SurveyChunks(malloc.heap().memory(), mappings, PoolRanges(mappings),
                   malloc.heap().python(), type);
  EXPECT_TRUE(survey.ok()) << survey.status();
  return survey.value_or(core::BirthSurvey{});
}

TEST(ChunkSurvey, SizesAndSourcesOfAll) {
  MallocBuilder malloc;
  const uint64_t cached = malloc.Add(64);
  for (int i = 0; i < 5; ++i) malloc.Add(64);
  for (int i = 0; i < 3; ++i) malloc.Add(3024);
  malloc.Add(2064);
  malloc.Add(96, false);
  malloc.End();
  malloc.Cache(cached, 64);
  const auto survey = Survey(malloc, 0);
  ASSERT_EQ(survey.sources.size(), 3U);
  EXPECT_EQ(survey.sources[2],
            (core::ChunkSource{Kind::kCache, MallocBuilder::kCache}));
  ASSERT_EQ(survey.classes.size(), 3U);
  EXPECT_EQ(survey.classes[0].objects, 6);
  EXPECT_EQ(survey.classes[0].most_bytes, 64);
  EXPECT_EQ(survey.classes[1].objects, 4) << "of 2048 to 4080 bytes";
  EXPECT_EQ(survey.classes[1].block_bytes, 2048);
  EXPECT_EQ(survey.classes[1].step_bytes, 3024);
}

TEST(ChunkSurvey, OfOneTypeOnlyItsObjects) {
  MallocBuilder malloc;
  const uint64_t bytes = malloc.heap().AddType("bytes", malloc.heap().type());
  for (int i = 0; i < 3; ++i) {
    const uint64_t chunk = malloc.Add(752);
    malloc.heap().Set<uint64_t>(chunk + 16, 1);
    malloc.heap().Set<uint64_t>(chunk + 24, bytes);
  }
  malloc.Add(752);
  malloc.End();
  const auto survey = Survey(malloc, bytes);
  ASSERT_EQ(survey.classes.size(), 1U);
  EXPECT_EQ(survey.classes[0].objects, 3);
  EXPECT_EQ(survey.tp_name, "bytes");
}

TEST(ChunkSurvey, AnotherMallocIsANamedRefusal) {
  MallocBuilder malloc;
  malloc.End();
  auto mappings = malloc.mappings();
  mappings[1].path = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";
  const auto survey =
      SurveyChunks(malloc.heap().memory(), mappings, PoolRanges(mappings),
                   malloc.heap().python(), 0);
  EXPECT_TRUE(absl::IsUnimplemented(survey.status()));
}

}  // namespace
}  // namespace plimsoll::heap
