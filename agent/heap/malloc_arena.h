// Where glibc's malloc keeps what is free: its arenas and the caches of its
// threads, found by their shape, since no symbol of a stripped libc names them.
//
// Source: malloc/malloc.c, the same in glibc 2.30-2.41 on x86-64: struct
// malloc_state {mutex, flags, have_fastchunks, fastbinsY[10], top,
// last_remainder, bins[254], binmap[4], next, ...}, in which an empty bin leads
// to itself; struct tcache_perthread_struct {uint16_t counts[64]; entries[64]},
// a chunk of 0x290 bytes. Another allocator, musl, or an older or a newer glibc
// has neither, and then nothing is found.
//
// Pure and bounded; everything read is untrusted, and changes meanwhile; any
// thread.
#ifndef PLIMSOLL_AGENT_HEAP_MALLOC_ARENA_H_
#define PLIMSOLL_AGENT_HEAP_MALLOC_ARENA_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/core/ports.h"

namespace plimsoll::heap {

inline constexpr size_t kArenaBytes = 2200;
inline constexpr int kArenaBins = 127;  // 1 unsorted, 2-63 small, then large
inline constexpr int kCacheClasses = 64;
inline constexpr uint64_t kCacheChunkBytes = 0x290;
inline constexpr uint64_t kLargestCachedChunk = 1040;
inline constexpr uint64_t kLargestFastChunk = 128;

struct Arena {
  uint64_t address = 0;
  uint64_t top = 0;             // the chunk that is not handed out yet
  uint64_t last_remainder = 0;  // 0: none
  uint64_t next = 0;            // arena; the last leads to the first
  // First chunk of each bin, [0] the unsorted one's; 0: empty.
  std::array<uint64_t, kArenaBins> bins = {};
};

struct ThreadCache {
  std::array<uint16_t, kCacheClasses> counts = {};
  std::array<uint64_t, kCacheClasses> entries = {};  // payloads, next one first
};

std::optional<Arena> ReadArena(const core::MemorySource& memory,
                               uint64_t address);
// All of them, the main one first; none without a glibc whose malloc was used.
std::vector<uint64_t> FindArenas(const core::MemorySource& memory,
                                 const std::vector<core::Mapping>& mappings);

// `address` is that of the payload. Nothing where no free chunk hangs in it:
// then it looks like any zeroed memory.
std::optional<ThreadCache> ReadThreadCache(const core::MemorySource& memory,
                                           uint64_t address);
// The class of chunks of that size; nothing when a cache does not hold them.
std::optional<size_t> CacheClass(uint64_t chunk_bytes);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_MALLOC_ARENA_H_
