// What a request of n bytes costs in the allocator that serves it.
//
// Sources: Objects/obmalloc.c (ALIGNMENT, SMALL_REQUEST_THRESHOLD, the debug
// hooks' PYMEM_DEBUG_EXTRA_BYTES); glibc's malloc/malloc.c (request2size,
// sysmalloc_mmap: a chunk is n plus one word of header, a multiple of 16, at
// least 32; one of its own mapping has two words and whole pages).
//
// Pure values; threads: any.
#ifndef PLIMSOLL_AGENT_HEAP_REQUEST_SIZE_H_
#define PLIMSOLL_AGENT_HEAP_REQUEST_SIZE_H_

#include <cstdint>
#include <optional>

#include "agent/core/python_layout.h"

namespace plimsoll::heap {

inline constexpr uint64_t kMostRequestBytes = uint64_t{1} << 46;
inline constexpr uint64_t kChunkFlags = 7;
inline constexpr uint64_t kChunkPreviousInUse = 1;
inline constexpr uint64_t kChunkMapped = 2;
inline constexpr uint64_t kChunkOfThreadArena = 4;
inline constexpr uint64_t kSmallestChunk = 32;

// How this process' Python allocates. `allocator` as in PythonProcess.
struct RequestRules {
  bool pools = true;  // pymalloc serves what is small
  uint32_t largest_small = 512;
  uint32_t alignment = 16;  // of a pool's blocks
  // Bytes that the debug hooks put before the memory, and in all. What is past
  // pymalloc's blocks goes through the hooks of the raw allocator as well.
  uint32_t debug_before = 0;
  uint32_t debug_extra = 0;
  uint32_t large_before = 0;
  uint32_t large_extra = 0;
};

// `pools`: whether pymalloc is below.
inline RequestRules RulesOf(const core::PythonProcess& python, bool pools) {
  RequestRules rules{.pools = pools};
  const core::PythonVersion& v = python.build.version;
  if (v.minor == 7 && v.micro < 4) rules.alignment = 8;
  if (python.allocator.ends_with("debug")) {
    rules.debug_before = 16;
    // Size, id and pad before; pad after; 3.7 has a serial number too.
    rules.debug_extra = v.minor == 7 ? 32 : 24;
    rules.large_before = rules.debug_before * (pools ? 2 : 1);
    rules.large_extra = rules.debug_extra * (pools ? 2 : 1);
  }
  return rules;
}

inline uint64_t ChunkBytesFor(uint64_t request) {
  const uint64_t chunk = (request + 8 + 15) / 16 * 16;
  return chunk < kSmallestChunk ? kSmallestChunk : chunk;
}

inline bool IsSmall(const RequestRules& rules, uint64_t request) {
  return rules.pools && request + rules.debug_extra <= rules.largest_small;
}

inline uint64_t BlockBytesFor(const RequestRules& rules, uint64_t request) {
  const uint64_t n = request + rules.debug_extra;
  return (n + rules.alignment - 1) / rules.alignment * rules.alignment;
}

// The chunk whose size word this is, when it can hold a request of `least`
// bytes and is not much larger: what is left over is handed back unless it is
// too small for a chunk of its own. Nothing for what another malloc wrote.
inline std::optional<uint64_t> ChunkThatHolds(uint64_t size_word,
                                              uint64_t least) {
  const uint64_t chunk = size_word & ~kChunkFlags;
  const bool mapped = size_word & kChunkMapped;
  const uint64_t slack = mapped ? 2 * 4096 : 64;
  if (chunk % 16 != 0 || chunk < least + 8 || chunk > least + 8 + slack ||
      (mapped && chunk % 4096 != 0)) {
    return std::nullopt;
  }
  return chunk;
}

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_REQUEST_SIZE_H_
