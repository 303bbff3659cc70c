#include "agent/heap/tally.h"

#include <algorithm>

#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr size_t kObjectHeadBytes = 16;  // ob_refcnt, ob_type

}  // namespace

void Tally::CountPool(const PoolHeader& header, uint64_t address) {
  ++pools_;
  core::SizeClass& c = classes_[header.block_bytes / kSmallestBlockBytes];
  c.block_bytes = static_cast<int32_t>(header.block_bytes);
  ++c.pools;
  c.blocks_live += header.live;
  c.blocks_free += header.capacity - header.live;
  blocks_live_ += header.live;
  sizes_.Set(address, header.block_bytes);
}

void Tally::VisitHeader(const PoolHeader& header, uint64_t address) {
  if (header.empty()) {
    ++pools_;
    ++pools_free_;
    return;
  }
  CountPool(header, address);
}

void Tally::VisitPool(const PoolHeader& header, uint64_t address,
                      std::span<const std::byte> pool,
                      const FreeBlocks& free_blocks, bool torn) {
  CountPool(header, address);
  if (!torn) blocks_examined_ += header.live;
  const uint32_t size = header.block_bytes;
  for (uint32_t i = 0; i < header.carved; ++i) {
    if (free_blocks.Contains(i)) continue;
    const uint32_t at = kPoolHeaderBytes + i * size;
    const std::span<const std::byte> block = pool.subspan(at, size);
    const Found found = FindObject(block);
    if (found.type == TypeTable::kNotAType) {
      ++unknown_.objects;
      unknown_.bytes += size;
      continue;
    }
    const auto index = static_cast<size_t>(found.type);
    if (counts_.size() <= index) counts_.resize(types_.size());
    ++counts_[index].objects;
    counts_[index].bytes += size;
    if (const uint8_t owns = types_.owns(found.type); owns != 0) {
      owned_.Count(owns, found.type,
                   {.bytes = block.subspan(found.offset),
                    .before = block.first(found.offset),
                    .address = address + at + found.offset});
    }
  }
}

Tally::Found Tally::FindObject(std::span<const std::byte> block) {
  for (const uint32_t offset : offsets_) {
    if (offset + kObjectHeadBytes > block.size()) continue;
    const auto refcount = Load<uint64_t>(block.data() + offset);
    const auto type = Load<uint64_t>(block.data() + offset + 8);
    if (!IsLiveRefcount(refcount) || type % 8 != 0 || !PlausibleAddress(type)) {
      continue;
    }
    const int32_t index = types_.Find(type);
    if (index != TypeTable::kNotAType) return {index, offset};
  }
  return {};
}

Tally::Count Tally::count(int32_t type) const {
  const auto index = static_cast<size_t>(type);
  if (index >= counts_.size()) return {};
  Count count = counts_[index];
  count.bytes += owned_.bytes(type);
  return count;
}

void Tally::Fill(core::HeapCensus& census) const {
  const OwnedBytes::Totals& owned = owned_.totals();
  // What has an owner is not unknown. More than there is: the heap changed
  // while it was read, or two objects claim one buffer.
  census.unknown_blocks =
      std::max<int64_t>(0, unknown_.objects - owned.pool_blocks);
  census.unknown_bytes =
      std::max<int64_t>(0, unknown_.bytes - owned.pool_bytes);
  census.implausible_claims =
      owned.implausible +
      std::max<int64_t>(0, owned.pool_blocks - unknown_.objects);
  census.pools_free = pools_free_;
  for (const core::SizeClass& c : classes_) {
    if (c.pools > 0) census.size_classes.push_back(c);
  }
  census.coverage.seen = blocks_examined_;
  census.coverage.total = blocks_live_;
}

}  // namespace plimsoll::heap
