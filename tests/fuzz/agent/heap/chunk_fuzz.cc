// malloc's arenas, caches and chunks whose words are the fuzzer's.
#include <cstdint>
#include <cstdlib>

#include "agent/heap/census.h"
#include "agent/heap/chunk_spots.h"
#include "agent/heap/chunk_survey.h"
#include "agent/heap/chunk_use.h"
#include "tests/support/malloc_builder.h"

using plimsoll::testing::HeapBuilder;
using plimsoll::testing::MallocBuilder;
using Kind = plimsoll::core::ChunkSource::Kind;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 8) return 0;
  MallocBuilder malloc;
  const uint64_t type = malloc.heap().AddType("t", malloc.heap().type());
  const auto bytes = static_cast<uint64_t>(32 + 16 * (data[0] % 80));
  const uint64_t first = malloc.Add(bytes);
  for (int i = 0; i < 20; ++i) malloc.Add(bytes, (data[1] >> (i % 8)) & 1);
  malloc.End();
  if (bytes <= 1040) malloc.Cache(first, bytes);
  malloc.SetBin(data[2] % 127, first);
  // Half of the words land where the lists are.
  for (size_t at = 3; at + 6 <= size; at += 6) {
    const uint32_t far = data[at] | data[at + 1] << 8;
    const uint64_t where = data[at + 2] % 2 ? MallocBuilder::kArena + far % 2200
                                            : MallocBuilder::kHeap + far;
    uint64_t word = data[at + 3] | data[at + 4] << 8;
    if (data[at + 5] % 3 == 1) word += MallocBuilder::kHeap;
    if (data[at + 5] % 3 == 2) word |= uint64_t{data[at + 5]} << 56;
    malloc.heap().Set<uint64_t>(where & ~uint64_t{7}, word);
  }
  auto& memory = malloc.heap().memory();
  const auto mappings = malloc.mappings();
  for (const uint64_t of : {uint64_t{0}, type}) {
    const auto survey = plimsoll::heap::SurveyChunks(
        memory, mappings, plimsoll::heap::PoolRanges(mappings),
        malloc.heap().python(), of);
    if (!survey.ok()) continue;
    for (const auto& c : survey->classes) {
      if (c.objects <= 0 || c.step_bytes < c.block_bytes ||
          c.step_bytes > c.most_bytes) {
        std::abort();
      }
    }
  }
  if (plimsoll::heap::ChunksInUse(
          memory, {{first + 16, bytes},
                   {data[1] * uint64_t{0x0101010101010101}, ~uint64_t{15}}})
          .size() != 2) {
    std::abort();
  }
  for (const Kind kind : {Kind::kCache, Kind::kTop, Kind::kBins}) {
    const auto spot = plimsoll::heap::FindChunkSpot(
        memory,
        {.block_bytes = static_cast<int32_t>(bytes),
         .ahead = data[1],
         .most_bytes = static_cast<int32_t>(bytes),
         .step_bytes = static_cast<int32_t>(bytes),
         .source = {kind, kind == Kind::kCache ? MallocBuilder::kCache
                                               : MallocBuilder::kArena}});
    const auto state = plimsoll::heap::LookAtChunk(
        memory, {.block = spot.block,
                 .block_bytes = static_cast<int32_t>(bytes),
                 .object_offset = data[2],
                 .most_bytes = static_cast<int32_t>(bytes),
                 .arena = kind == Kind::kTop ? MallocBuilder::kArena : 0});
    if (state.handed_out && state.chunk_bytes != static_cast<int64_t>(bytes)) {
      std::abort();
    }
  }
  return 0;
}
