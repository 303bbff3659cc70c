// The census over a heap whose every byte is the fuzzer's: the first bytes pick
// the layout, the allocator and what is asked for, the rest are words that are
// written over a heap of pools, containers and malloc's chunks.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "agent/heap/census.h"
#include "tests/support/heap_builder.h"

namespace {

using plimsoll::testing::HeapBuilder;

// Small, to be quick: types, three pools of 16 KiB, and malloc's heap.
constexpr uint64_t kBytes = 128 << 10;
constexpr uint64_t kHeap = HeapBuilder::kBase + (80 << 10);
constexpr uint64_t kHeapEnd = HeapBuilder::kBase + kBytes;

void Check(const plimsoll::core::HeapCensus& census) {
  for (const auto& row : census.types) {
    if (row.type.empty() || row.objects < 0 || row.bytes < 0 ||
        !(row.standard_error >= 0)) {
      std::abort();
    }
  }
  const auto& m = census.malloc;
  if (census.coverage.seen > census.coverage.total ||
      census.unknown_bytes < 0 || m.live_bytes < m.object_bytes ||
      m.live_bytes + m.free_bytes > census.resident_bytes) {
    std::abort();
  }
}

// Containers whose words lead to buffers, and chunks of many sizes.
void Build(HeapBuilder& heap, uint8_t size_class) {
  const uint64_t types[] = {
      heap.AddType("t", heap.type()),
      heap.AddType("list", heap.type(), uint64_t{1} << 25),
      heap.AddType("dict", heap.type(), uint64_t{1} << 29),
      heap.AddType("str", heap.type(), uint64_t{1} << 28),
      heap.AddType("set", heap.type()),
      heap.AddType("collections.deque", heap.type()),
      heap.AddType("array.array", heap.type()),
      heap.AddClass("m", heap.AddStr(std::string_view("C")), size_class % 16)};
  const auto pool = heap.AddPool(16 * (1 + size_class % 32));
  const auto wide = heap.AddPool(96);
  const uint64_t buffers = kHeap + 16;
  for (uint32_t i = 0; i < pool.carved; ++i) {
    heap.PutObject(pool, i, types[i % 8], 0);
  }
  for (uint32_t i = 0; i < wide.carved; ++i) {
    heap.PutObject(wide, i, types[i % 8], 0);
    heap.Set(heap.Block(wide, i) + 24, buffers + i * 64);
    heap.Set<uint64_t>(heap.Block(wide, i) + 32, i);
    if (i % 8 == 2) heap.Set(heap.Block(wide, i) + 32, buffers + i * 64);
  }
  uint64_t at = kHeap;
  for (uint64_t i = 0; at + 4096 < kHeapEnd; ++i) {
    const uint64_t bytes = 32 + i * 48 % 2048;
    heap.Set(at + 8, bytes | 1);
    heap.Set<uint64_t>(at + 16, 1);
    heap.Set(at + 24, types[i % 8]);
    at += bytes;
  }
  heap.Set(at + 8, (kHeapEnd - at) | 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 10) return 0;
  static constexpr int kMinors[] = {7, 10, 11, 12, 13};
  const int minor = kMinors[data[0] % 5];
  HeapBuilder heap(minor, kBytes);
  heap.python().build.version = {3, minor, 9};
  static constexpr const char* kAllocators[] = {"pymalloc", "malloc", "debug"};
  heap.python().allocator = kAllocators[data[2] % 3];
  Build(heap, data[1]);
  // Records of {where, word}: words are small, addresses of the heap, or raw.
  auto& bytes = heap.memory().bytes();
  for (size_t at = 3; at + 7 <= size; at += 7) {
    const uint32_t where = (data[at] | data[at + 1] << 8 | data[at + 2] << 16) %
                           (bytes.size() - 8);
    uint64_t word = data[at + 3] | data[at + 4] << 8 | data[at + 5] << 16;
    if (data[at + 6] % 3 == 1) word += HeapBuilder::kBase;
    if (data[at + 6] % 3 == 2) word |= uint64_t{data[at + 6]} << 56;
    heap.Set<uint64_t>(HeapBuilder::kBase + where, word);
  }
  auto mappings = heap.mappings();
  mappings.push_back(mappings[0]);
  mappings[0].end = mappings[1].start = kHeap;
  mappings[1].path = "[heap]";
  heap.memory().read_limit = data[0] & 0x80 ? 60000 : SIZE_MAX;
  for (const bool headers_only : {false, true}) {
    const auto census =
        plimsoll::heap::TakeCensus(heap.memory(), mappings, heap.python(),
                                   {.headers_only = headers_only,
                                    .max_types = data[1] % 4,
                                    .max_scan_bytes = data[2] & 0x80 ? 4096 : 0,
                                    .seed = data[2]});
    if (census.ok()) Check(*census);
  }
  return 0;
}
