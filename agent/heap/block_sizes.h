// Which pymalloc pool an address lies in, and of what size its blocks are: one
// byte for each pool of the target, so 64 KiB for each GiB of heap with 16 KiB
// pools and 256 KiB with 4 KiB pools.
//
// Bounded: kMostRegions regions of 64 MiB (1 TiB); past these nothing is
// remembered, and an address there is in no known pool.
//
// Pure; one owner, one thread.
#ifndef PLIMSOLL_AGENT_HEAP_BLOCK_SIZES_H_
#define PLIMSOLL_AGENT_HEAP_BLOCK_SIZES_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace plimsoll::heap {

class BlockSizes {
 public:
  static constexpr uint64_t kRegionBytes = 64 << 20;
  static constexpr size_t kMostRegions = 1 << 14;
  static constexpr uint32_t kUnknown = 0;
  static constexpr uint32_t kNoPool = 255 * 8;

  // A power of two.
  explicit BlockSizes(uint32_t pool_bytes) : pool_bytes_(pool_bytes) {}

  // `block_bytes` a multiple of 8, at most 512; kNoPool: there is none.
  void Set(uint64_t pool, uint32_t block_bytes);
  // Of the pool that holds `address`; kUnknown when nothing was told of it.
  uint32_t At(uint64_t address) const {
    const uint64_t region = address / kRegionBytes;
    if (region != last_region_) {
      const auto it = regions_.find(region);
      if (it == regions_.end()) return kUnknown;
      last_region_ = region;
      last_ = it->second.data();
    }
    return uint32_t{last_[address % kRegionBytes / pool_bytes_]} * 8;
  }
  // visit(pool, block_bytes) for each pool known, by address.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const uint64_t region : SortedRegions()) {
      const std::vector<uint8_t>& sizes = regions_.at(region);
      for (size_t i = 0; i < sizes.size(); ++i) {
        if (sizes[i] == 0 || sizes[i] * 8 == kNoPool) continue;
        visit(region * kRegionBytes + i * pool_bytes_, uint32_t{sizes[i]} * 8);
      }
    }
  }
  uint64_t PoolOf(uint64_t address) const {
    return address & ~(uint64_t{pool_bytes_} - 1);
  }

 private:
  std::vector<uint64_t> SortedRegions() const;

  const uint32_t pool_bytes_;
  absl::flat_hash_map<uint64_t, std::vector<uint8_t>> regions_;
  // The heap of a vector does not move with the table.
  mutable uint64_t last_region_ = ~uint64_t{0};
  mutable const uint8_t* last_ = nullptr;
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_BLOCK_SIZES_H_
