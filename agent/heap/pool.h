// One pymalloc pool in a local copy: its header, and which of its blocks are
// free. Source: struct pool_header and pymalloc_pool_extend/pymalloc_free in
// CPython's Objects/obmalloc.c (3.7-3.11), Include/internal/pycore_obmalloc.h
// (3.12+); 48 bytes in all of them:
//   +0 u32 ref.count    blocks handed out
//   +8 ptr freeblock    first free block; each free block's first word is the
//                       next one, NULL ends
//   +32 u32 arenaindex  +36 u32 szidx
//   +40 u32 nextoffset  first byte that was never handed out
//   +44 u32 maxnextoffset  largest nextoffset that still leaves a block
//
// A pool is recognised by shape alone, with no symbol and no arena table: the
// size class, both offsets and the count must agree with each other.
//
// Pure. Threads: any.
#ifndef PLIMSOLL_AGENT_HEAP_POOL_H_
#define PLIMSOLL_AGENT_HEAP_POOL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace plimsoll::heap {

inline constexpr uint32_t kPoolHeaderBytes = 48;
inline constexpr uint32_t kLargestBlockBytes = 512;
inline constexpr uint32_t kSmallestBlockBytes = 8;
inline constexpr uint32_t kLargestPoolBytes = 16384;
inline constexpr uint32_t kMostBlocks =
    (kLargestPoolBytes - kPoolHeaderBytes) / kSmallestBlockBytes;

struct PoolHeader {
  uint32_t block_bytes = 0;
  uint32_t live = 0;      // ref.count
  uint32_t carved = 0;    // blocks below nextoffset: live ones and free ones
  uint32_t capacity = 0;  // blocks that fit
  uint32_t arena_index = 0;
  uint64_t free_block = 0;
  // Was used once and is now on its arena's list of free pools.
  bool empty() const { return live == 0; }
};

// `bytes` holds at least the header of what may be a pool at `address`.
// Nothing when it is not one.
std::optional<PoolHeader> ParsePoolHeader(std::span<const std::byte> bytes,
                                          uint64_t address,
                                          uint32_t pool_bytes);

// The free blocks of one pool, by index.
class FreeBlocks {
 public:
  // Walks the free list of a whole pool. False when the list does not agree
  // with the header: the target changed the pool while it was copied (or made
  // it up); what was walked up to there stays marked.
  bool Walk(std::span<const std::byte> pool, uint64_t address,
            const PoolHeader& header);
  bool Contains(uint32_t index) const {
    return (bits_[index / 64] >> (index % 64)) & 1;
  }

 private:
  std::array<uint64_t, kMostBlocks / 64 + 1> bits_{};
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_POOL_H_
