// A made-up heap of glibc's malloc beside a made-up Python: an arena in the
// data of a "libc", a heap of chunks, and a thread's cache.
#ifndef PLIMSOLL_TESTS_SUPPORT_MALLOC_BUILDER_H_
#define PLIMSOLL_TESTS_SUPPORT_MALLOC_BUILDER_H_

#include <cstdint>
#include <vector>

#include "agent/heap/malloc_arena.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::testing {

class MallocBuilder {
 public:
  static constexpr uint64_t kData = HeapBuilder::kBase + (512 << 10);
  static constexpr uint64_t kArena = kData + 0xc80;
  static constexpr uint64_t kHeap = HeapBuilder::kBase + (768 << 10);
  static constexpr uint64_t kHeapEnd = HeapBuilder::kBase + HeapBuilder::kBytes;
  static constexpr uint64_t kMark = 0x5eed0ca11ed;
  static constexpr uint64_t kCache = kHeap + 16;  // its payload

  MallocBuilder() : heap_(11) {
    Add(heap::kCacheChunkBytes);
    for (int i = 0; i < heap::kArenaBins; ++i) SetBin(i, 0);
    heap_.Set<uint64_t>(kArena + 2160, kArena);
  }

  HeapBuilder& heap() { return heap_; }
  std::vector<core::Mapping> mappings() const {
    auto all = heap_.mappings();
    core::Mapping data = all[0];
    core::Mapping brk = all[0];
    all[0].end = kData;
    data.start = kData;
    data.end = kData + 8192;
    data.path = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    data.inode = 7;
    brk.start = kHeap;
    brk.path = "[heap]";
    return {all[0], data, brk};
  }

  // Returns the chunk's address.
  uint64_t Add(uint64_t bytes, bool in_use = true) {
    heap_.Set<uint64_t>(at_ + 8, bytes | (last_in_use_ ? 1 : 0));
    last_in_use_ = in_use;
    at_ += bytes;
    return at_ - bytes;
  }
  // What is left is the top.
  uint64_t End() {
    const uint64_t top = Add(kHeapEnd - at_);
    heap_.Set<uint64_t>(kArena + 96, top);
    return top;
  }
  // The first chunk of a bin; 0: it is empty.
  void SetBin(int index, uint64_t chunk) {
    const uint64_t bin = kArena + 112 + 16 * static_cast<uint64_t>(index);
    heap_.Set<uint64_t>(bin, chunk != 0 ? chunk : bin - 16);
    heap_.Set<uint64_t>(bin + 8, chunk != 0 ? chunk : bin - 16);
    if (chunk == 0) return;
    heap_.Set<uint64_t>(chunk + 16, bin - 16);
    heap_.Set<uint64_t>(chunk + 24, bin - 16);
  }
  // Puts a chunk into the cache, as the next one of its size.
  void Cache(uint64_t chunk, uint64_t bytes) {
    const uint64_t index = (bytes - 32) / 16;
    heap_.Set<uint64_t>(chunk + 24, kMark);
    heap_.Set<uint16_t>(kCache + 2 * index, 1);
    heap_.Set<uint64_t>(kCache + 128 + 8 * index, chunk + 16);
  }

 private:
  HeapBuilder heap_;
  uint64_t at_ = kHeap;
  bool last_in_use_ = true;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_MALLOC_BUILDER_H_
