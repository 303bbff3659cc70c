// PoolScan finds the pools in a target's memory and hands them to a visitor,
// each as a whole copy that agrees with itself wherever that can be had. What
// malloc mapped for one request alone, it hands to another and does not read.
//
// Memory is read in pieces of kPieceBytes, a multiple of every pool size; pools
// lie at multiples of their size, so none is split. The piece stays in the
// cache while it is parsed, and a pool is torn the less the shorter its copy
// takes; tests/bench/census_bench prints what the kernel's copying alone costs
// by size of the piece (flat from 16 KiB to 1 MiB here, less past that).
//
// Pure; one owner, one thread; everything read is untrusted.
#ifndef PLIMSOLL_AGENT_HEAP_POOL_SCAN_H_
#define PLIMSOLL_AGENT_HEAP_POOL_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/core/ports.h"
#include "agent/heap/address_range.h"
#include "agent/heap/malloc_chunk.h"
#include "agent/heap/pool.h"

namespace plimsoll::heap {

class PoolVisitor {
 public:
  virtual ~PoolVisitor() = default;
  // A used pool in full. `free_blocks` agrees with the header unless `torn`.
  virtual void VisitPool(const PoolHeader& header, uint64_t address,
                         std::span<const std::byte> pool,
                         const FreeBlocks& free_blocks, bool torn) = 0;
  // A pool of which only the header is known: asked for no more, or the rest
  // could not be read. Empty pools come here too.
  virtual void VisitHeader(const PoolHeader& header, uint64_t address) = 0;
};

struct ScanTotals {
  int64_t read_faults = 0;
  int64_t scanned_bytes = 0;
  int64_t arenas = 0;
};

class PoolScan {
 public:
  static constexpr size_t kPieceBytes = 64 << 10;
  static constexpr size_t kHeadersAtOnce = 256;
  static constexpr int kTries = 3;  // copies of a pool that is torn
  // Runs of unreadable pieces after which a range is left.
  static constexpr int kMostFaultsInARow = 256;

  // `extents`: the mappings that the ranges are of. All must outlive this.
  PoolScan(const core::MemorySource& memory, uint32_t pool_bytes,
           uint32_t arena_bytes, const RangeSet& extents, PoolVisitor& visitor,
           ChunkVisitor& chunk_visitor);

  // Ranges must come by address.
  void ScanRange(uint64_t start, uint64_t end);
  void ScanHeaders(uint64_t start, uint64_t end);
  // As ScanHeaders, and finds the chunks that malloc mapped alone.
  void ScanHeads(uint64_t start, uint64_t end);
  // These pools in full, by address; their arenas have been counted.
  void ScanPools(std::span<const uint64_t> pools);

  const ScanTotals& totals() const { return totals_; }

 private:
  void ScanSlots(uint64_t start, uint64_t end, bool find_chunks);
  // Returns where to go on: behind the last, or behind a chunk that was found.
  uint64_t VisitHeaders(std::span<const uint64_t> addresses, bool find_chunks);
  // Looks for chunks from a page on, up to the next place for a pool.
  uint64_t VisitPages(uint64_t address);
  // The first `read` bytes of the piece; where to go on. `more`: what follows
  // can be read too.
  uint64_t ScanPiece(uint64_t address, size_t read, bool more);
  // False when it is no pool.
  bool VisitCopy(std::span<const std::byte> pool, uint64_t address);
  // The bytes of a chunk that begins there; 0: none does.
  uint64_t VisitMapped(std::span<const std::byte> page, uint64_t address);
  void CountArena(const PoolHeader& header, uint64_t address);
  uint64_t RoundUp(uint64_t address) const {
    return (address + pool_bytes_ - 1) / pool_bytes_ * pool_bytes_;
  }

  const core::MemorySource& memory_;
  const uint32_t pool_bytes_;
  const uint32_t arena_bytes_;
  const RangeSet& extents_;
  PoolVisitor& visitor_;
  ChunkVisitor& chunk_visitor_;
  uint64_t skip_until_ = 0;  // a chunk may go on behind the range
  std::vector<std::byte> piece_;
  std::vector<std::byte> again_;  // one pool
  FreeBlocks free_blocks_;
  ScanTotals totals_;
  // The arena of the last pool: pools come by address.
  bool in_arena_ = false;
  uint32_t arena_index_ = 0;
  uint64_t arena_start_ = 0;
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_POOL_SCAN_H_
