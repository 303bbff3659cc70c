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
#include "agent/heap/owned_bytes.h"
#include "agent/heap/pool_scan.h"
#include "agent/heap/type_table.h"

namespace plimsoll::heap {

class Tally final : public PoolVisitor {
 public:
  struct Count {
    int64_t objects = 0;
    int64_t bytes = 0;
  };

  // All must outlive this.
  Tally(TypeTable& types, OwnedBytes& owned, BlockSizes& sizes,
        std::vector<uint32_t> object_offsets)
      : types_(types),
        owned_(owned),
        sizes_(sizes),
        offsets_(std::move(object_offsets)) {}

  void VisitPool(const PoolHeader& header, uint64_t address,
                 std::span<const std::byte> pool, const FreeBlocks& free_blocks,
                 bool torn) override;
  void VisitHeader(const PoolHeader& header, uint64_t address) override;

  // Once, after the scan: counts what still waits.
  void Finish() { owned_.Settle(); }
  // By type index, what is owned included.
  Count count(int32_t type) const;
  // Everything but the types.
  void Fill(core::HeapCensus& census) const;
  bool found_pools() const { return pools_ > 0; }

 private:
  static constexpr size_t kSizeClasses =
      kLargestBlockBytes / kSmallestBlockBytes + 1;
  struct Found {
    int32_t type = TypeTable::kNotAType;
    uint32_t offset = 0;
  };

  void CountPool(const PoolHeader& header, uint64_t address);
  Found FindObject(std::span<const std::byte> block);

  TypeTable& types_;
  OwnedBytes& owned_;
  BlockSizes& sizes_;
  const std::vector<uint32_t> offsets_;
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
