// Counts what a scan finds: objects by type, blocks by size class, what is
// owned outside of blocks.
//
// Pure; one owner, one thread; everything seen is untrusted.
#ifndef PLIMSOLL_AGENT_HEAP_TALLY_H_
#define PLIMSOLL_AGENT_HEAP_TALLY_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/core/heap_census.h"
#include "agent/heap/block_sizes.h"
#include "agent/heap/malloc_chunk.h"
#include "agent/heap/object_size.h"
#include "agent/heap/owned_bytes.h"
#include "agent/heap/pool_sample.h"
#include "agent/heap/pool_scan.h"
#include "agent/heap/reached_objects.h"
#include "agent/heap/type_table.h"

namespace plimsoll::heap {

class Tally final : public PoolVisitor,
                    public ChunkVisitor,
                    public ReachedVisitor {
 public:
  struct Count {
    int64_t objects = 0;
    int64_t bytes = 0;
  };

  // `readable`: the memory that is looked at. All must outlive this.
  Tally(TypeTable& types, OwnedBytes& owned, BlockSizes& sizes,
        const core::PythonProcess& python, const RequestRules& rules,
        const RangeSet& readable);

  void VisitPool(const PoolHeader& header, uint64_t address,
                 std::span<const std::byte> pool, const FreeBlocks& free_blocks,
                 bool torn) override;
  void VisitHeader(const PoolHeader& header, uint64_t address) override;
  void VisitChunk(const Chunk& chunk,
                  std::span<const std::byte> payload) override;

  void VisitReached(int32_t type, uint64_t address,
                    std::span<const std::byte> copy, size_t before,
                    uint64_t request_bytes) override;

  // From now on pools are of a random sample of those whose headers were seen.
  void BeginSample() { sampling_ = true; }
  // How many pools each one of the sample stands for, by block size.
  void set_weight(double weight) { owned_.set_weight(weight); }
  // By block size, the pools that are not empty.
  const core::SizeClass& size_class(uint32_t block_bytes) const {
    return classes_[block_bytes / kSmallestBlockBytes];
  }

  // Once, after the scan: counts what still waits.
  void Finish() { owned_.Settle(); }
  // By type index, what is owned included.
  Count count(int32_t type) const;
  // Of the objects counted; 0 when all pools were read.
  double variance(int32_t type) const;
  // Everything but the types.
  void Fill(core::HeapCensus& census) const;
  bool found_pools() const { return pools_ > 0; }
  bool found_chunks() const { return malloc_.live_chunks > 0; }
  bool found_objects() const { return !counts_.empty(); }

 private:
  static constexpr size_t kSizeClasses =
      kLargestBlockBytes / kSmallestBlockBytes + 1;
  struct Found {
    int32_t type = TypeTable::kNotAType;
    uint32_t offset = 0;
  };

  void CountOwned(const Found& found, std::span<const std::byte> block,
                  uint64_t address);
  Count Unknown() const;
  void CountPool(const PoolHeader& header, uint64_t address);
  void CountObject(const Found& found, int64_t bytes,
                   std::span<const std::byte> block, uint64_t address);
  bool IsFreeListWord(uint64_t word) const;
  bool IsFreeListLink(uint64_t word, uint64_t type);
  Found FindObject(std::span<const std::byte> block);
  // An object whose own size fits the chunk: what lies in a chunk is often a
  // table of pointers, and some of those look like an object's head.
  Found FindInChunk(const Chunk& chunk, std::span<const std::byte> payload);

  TypeTable& types_;
  OwnedBytes& owned_;
  BlockSizes& sizes_;
  // From a block or a chunk's payload to its object.
  std::vector<uint32_t> block_offsets_;
  std::vector<uint32_t> chunk_offsets_;
  const bool links_in_refcount_;
  const RequestRules rules_;
  const ObjectSizes object_sizes_;
  const RangeSet& readable_;
  PoolSample sample_;
  bool sampling_ = false;
  core::MallocUse malloc_;
  std::vector<Count> counts_;  // by type index
  Count unknown_;
  std::array<core::SizeClass, kSizeClasses> classes_{};
  int64_t pools_ = 0;
  int64_t pools_free_ = 0;
  int64_t blocks_live_ = 0;
  int64_t blocks_examined_ = 0;
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_TALLY_H_
