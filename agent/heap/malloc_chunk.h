// What glibc's malloc writes into its memory, in a local copy. Source:
// malloc/malloc.c (struct malloc_chunk: prev_size, then size with three flag
// bits; the payload follows) and malloc/arena.c (heap_info: ar_ptr, prev, size,
// mprotect_size, at the start of each 64 MiB of a thread's arena). The same in
// glibc 2.17-2.41; musl and jemalloc write nothing like it.
//
// Pure; threads: any.
#ifndef PLIMSOLL_AGENT_HEAP_MALLOC_CHUNK_H_
#define PLIMSOLL_AGENT_HEAP_MALLOC_CHUNK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "agent/heap/request_size.h"

namespace plimsoll::heap {

inline constexpr uint64_t kChunkHeadBytes = 16;
inline constexpr uint64_t kThreadHeapBytes = 64 << 20;  // HEAP_MAX_SIZE
inline constexpr size_t kHeapInfoBytes = 32;

struct Chunk {
  uint64_t address = 0;  // of its head; the payload is kChunkHeadBytes on
  uint64_t bytes = 0;
  bool in_use = false;
  bool mapped = false;  // a mapping of its own
  // What a request can have: a chunk in use goes on into the next one's head.
  uint64_t usable() const { return bytes - (mapped ? 16 : 8); }
};

class ChunkVisitor {
 public:
  virtual ~ChunkVisitor() = default;
  // `payload`: its first bytes, as many as were read.
  virtual void VisitChunk(const Chunk& chunk,
                          std::span<const std::byte> payload) = 0;
};

// The bytes of a chunk on a heap that has `room` bytes from it to its end.
// Nothing when the size word is none.
inline std::optional<uint64_t> HeapChunkBytes(uint64_t size_word,
                                              uint64_t room) {
  const uint64_t bytes = size_word & ~kChunkFlags;
  if (bytes % 16 != 0 || bytes < kSmallestChunk || bytes > room ||
      (size_word & kChunkMapped)) {
    return std::nullopt;
  }
  return bytes;
}

// A page that begins a chunk with a mapping of its own.
inline std::optional<uint64_t> MappedChunkBytes(uint64_t prev_size,
                                                uint64_t size_word,
                                                uint64_t room) {
  const uint64_t bytes = size_word & ~kChunkFlags;
  if (prev_size != 0 || (size_word & kChunkFlags) != kChunkMapped ||
      bytes == 0 || bytes % 4096 != 0 || bytes > room) {
    return std::nullopt;
  }
  return bytes;
}

struct HeapInfo {
  uint64_t arena = 0;  // its struct malloc_state
  uint64_t bytes = 0;
};

// Of what may be one at `address`, a multiple of kThreadHeapBytes. The caller
// checks that the arena's own heap is one too.
std::optional<HeapInfo> ParseHeapInfo(std::span<const std::byte> bytes,
                                      uint64_t address);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_MALLOC_CHUNK_H_
