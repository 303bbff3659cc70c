// The birth watch's view of a heap whose words are the fuzzer's.
#include <cstdint>
#include <cstdlib>

#include "agent/heap/birth_spots.h"
#include "agent/heap/birth_survey.h"
#include "tests/support/heap_builder.h"

using plimsoll::testing::HeapBuilder;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 9) return 0;
  HeapBuilder heap(data[0] % 2 ? 9 : 11);
  const uint64_t type = heap.AddType("t", heap.type());
  const auto block_bytes = static_cast<int32_t>(16 * (1 + data[1] % 32));
  const auto pool = heap.AddPool(static_cast<uint32_t>(block_bytes), 5);
  const uint64_t head = heap.Allocate(64);
  for (uint32_t i = 0; i < pool.carved; ++i) heap.PutObject(pool, i, type, 0);
  heap.Free(pool, {3, 1});
  heap.Set<uint64_t>(head + 16, pool.address);
  heap.Set<uint64_t>(pool.address + 16, head);
  heap.Set<uint64_t>(pool.address + 24, head);
  auto& bytes = heap.memory().bytes();
  for (size_t at = 2; at + 7 <= size; at += 7) {
    const uint32_t where = (data[at] | data[at + 1] << 8 | data[at + 2] << 16) %
                           (bytes.size() - 8);
    uint64_t word = data[at + 3] | data[at + 4] << 8 | data[at + 5] << 16;
    if (data[at + 6] % 3 == 1) word += HeapBuilder::kBase;
    if (data[at + 6] % 3 == 2) word |= uint64_t{data[at + 6]} << 56;
    heap.Set<uint64_t>(HeapBuilder::kBase + where, word);
  }
  const auto& objects = heap.python().objects;
  const auto survey = plimsoll::heap::SurveyBirths(
      heap.memory(), heap.mappings(),
      plimsoll::heap::PoolRanges(heap.mappings()), heap.python(), type);
  if (survey.ok()) {
    for (const auto& c : survey->classes) {
      if (c.objects <= 0) std::abort();
    }
  }
  for (const int64_t ahead : {int64_t{0}, int64_t{data[8]}, INT64_MAX}) {
    const auto spot = plimsoll::heap::FindSpot(heap.memory(), objects,
                                               {block_bytes, head, ahead});
    if (spot.block == 0) continue;
    plimsoll::heap::LookAtBlock(heap.memory(), objects,
                                {spot.block, block_bytes, data[2]});
  }
  return 0;
}
