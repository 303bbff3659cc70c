#include "agent/heap/block_sizes.h"

#include <algorithm>

namespace plimsoll::heap {

std::vector<uint64_t> BlockSizes::SortedRegions() const {
  std::vector<uint64_t> sorted;
  for (const auto& [region, sizes] : regions_) sorted.push_back(region);
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

void BlockSizes::Set(uint64_t pool, uint32_t block_bytes) {
  const uint64_t region = pool / kRegionBytes;
  auto it = regions_.find(region);
  if (it == regions_.end()) {
    if (regions_.size() >= kMostRegions) return;
    it = regions_
             .emplace(region, std::vector<uint8_t>(kRegionBytes / pool_bytes_))
             .first;
  }
  it->second[pool % kRegionBytes / pool_bytes_] =
      static_cast<uint8_t>(block_bytes / 8);
}

}  // namespace plimsoll::heap
