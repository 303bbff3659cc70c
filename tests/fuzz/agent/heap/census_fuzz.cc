// The census over a heap whose every byte is the fuzzer's: the first byte picks
// the layout, the rest is memory, repeated to a few pools.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "agent/heap/census.h"
#include "tests/support/heap_builder.h"

namespace {

using plimsoll::testing::HeapBuilder;

// A quarter of it is two pools of 16 KiB and more: small, to be quick.
constexpr uint64_t kHeapBytes = 96 << 10;

void Check(const plimsoll::core::HeapCensus& census) {
  for (const auto& row : census.types) {
    if (row.type.empty() || row.objects <= 0) std::abort();
  }
  if (census.coverage.seen > census.coverage.total) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 9) return 0;
  HeapBuilder heap(data[0] % 2 ? 9 : 11, kHeapBytes);
  const uint64_t type = heap.AddType("t", heap.type());
  const uint64_t cls =
      heap.AddClass("m", heap.AddStr(std::string_view("C")), data[0] % 16);
  const auto pool = heap.AddPool(16 * (1 + data[1] % 32));
  for (uint32_t i = 0; i < pool.carved; ++i) {
    heap.PutObject(pool, i, i % 2 ? type : cls, 0);
  }
  // Records of {where, word}: words are small, addresses of the heap, or raw.
  auto& bytes = heap.memory().bytes();
  for (size_t at = 2; at + 7 <= size; at += 7) {
    const uint32_t where = (data[at] | data[at + 1] << 8 | data[at + 2] << 16) %
                           (bytes.size() - 8);
    uint64_t word = data[at + 3] | data[at + 4] << 8 | data[at + 5] << 16;
    if (data[at + 6] % 3 == 1) word += HeapBuilder::kBase;
    if (data[at + 6] % 3 == 2) word |= uint64_t{data[at + 6]} << 56;
    heap.Set<uint64_t>(HeapBuilder::kBase + where, word);
  }
  heap.memory().read_limit = data[0] & 0x80 ? 300000 : SIZE_MAX;
  for (const bool headers_only : {false, true}) {
    const auto census = plimsoll::heap::TakeCensus(
        heap.memory(), heap.mappings(), heap.python(),
        {.headers_only = headers_only, .max_types = data[1] % 4});
    if (census.ok()) Check(*census);
  }
  return 0;
}
