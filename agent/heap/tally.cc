#include "agent/heap/tally.h"

#include <algorithm>
#include <cmath>

#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr size_t kObjectHeadBytes = 16;  // ob_refcnt, ob_type

// Bytes of a chunk past its object that are still believed: what realloc
// leaves, what an allocator adds, values of an instance of 3.13.
constexpr uint64_t kMostSlack = 320;
constexpr uint64_t kMappedSlack = 2 * 4096;

}  // namespace

Tally::Tally(TypeTable& types, OwnedBytes& owned, BlockSizes& sizes,
             const core::PythonProcess& python, const RequestRules& rules,
             const RangeSet& readable)
    : types_(types),
      owned_(owned),
      sizes_(sizes),
      block_offsets_(python.objects.object_offsets),
      chunk_offsets_(block_offsets_),
      links_in_refcount_(python.build.version.minor >= 14),
      rules_(rules),
      object_sizes_(python),
      readable_(readable) {
  for (uint32_t& offset : block_offsets_) offset += rules.debug_before;
  for (uint32_t& offset : chunk_offsets_) offset += rules.large_before;
}

void Tally::CountPool(const PoolHeader& header, uint64_t address) {
  ++pools_;
  core::SizeClass& c = classes_[header.block_bytes / kSmallestBlockBytes];
  c.block_bytes = static_cast<int32_t>(header.block_bytes);
  ++c.pools;
  c.blocks_live += header.live;
  c.blocks_free += header.capacity - header.live;
  blocks_live_ += header.live;
  sizes_.Set(address, header.block_bytes);
  sample_.AddHeader(header.block_bytes, header.live);
}

void Tally::VisitHeader(const PoolHeader& header, uint64_t address) {
  if (sampling_) return;
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
  if (sampling_) {
    sample_.BeginPool(header.block_bytes, header.live);
  } else {
    CountPool(header, address);
  }
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
    if (sampling_) {
      sample_.AddObject(found.type);
      CountOwned(found, block, address + at);
    } else {
      CountObject(found, size, block, address + at);
    }
  }
  if (sampling_) sample_.EndPool();
}

void Tally::CountObject(const Found& found, int64_t bytes,
                        std::span<const std::byte> block, uint64_t address) {
  const auto index = static_cast<size_t>(found.type);
  if (counts_.size() <= index) counts_.resize(types_.size());
  ++counts_[index].objects;
  counts_[index].bytes += bytes;
  CountOwned(found, block, address);
}

void Tally::CountOwned(const Found& found, std::span<const std::byte> block,
                       uint64_t address) {
  if (const uint8_t owns = types_.owns(found.type); owns != 0) {
    owned_.Count(owns, found.type,
                 {.bytes = block.subspan(found.offset),
                  .before = block.first(found.offset),
                  .address = address + found.offset});
  }
}

void Tally::VisitChunk(const Chunk& chunk, std::span<const std::byte> payload) {
  const auto resident =
      static_cast<int64_t>(readable_.Overlap(chunk.address, chunk.bytes));
  if (!chunk.in_use) {
    malloc_.free_bytes += resident;
    return;
  }
  ++malloc_.live_chunks;
  malloc_.live_bytes += resident;
  // With pools, a small chunk is never an object.
  if (rules_.pools && chunk.usable() <= rules_.largest_small) return;
  const Found found = FindInChunk(chunk, payload);
  if (found.type == TypeTable::kNotAType) return;
  malloc_.object_bytes += resident;
  ++malloc_.objects;
  CountObject(found, static_cast<int64_t>(chunk.bytes), payload,
              chunk.address + kChunkHeadBytes);
}

void Tally::VisitReached(int32_t type, uint64_t address,
                         std::span<const std::byte> copy, size_t before,
                         uint64_t request_bytes) {
  constexpr uint64_t kAlignment = 16;
  const uint64_t bytes =
      (request_bytes + kAlignment - 1) / kAlignment * kAlignment;
  CountObject({type, static_cast<uint32_t>(before)},
              static_cast<int64_t>(bytes), copy, address - before);
}

Tally::Found Tally::FindInChunk(const Chunk& chunk,
                                std::span<const std::byte> payload) {
  for (const uint32_t offset : chunk_offsets_) {
    if (offset + kObjectHeadBytes > payload.size()) continue;
    const auto refcount = Load<uint64_t>(payload.data() + offset);
    const auto type = Load<uint64_t>(payload.data() + offset + 8);
    if (!IsLiveRefcount(refcount) || type % 8 != 0 || !PlausibleAddress(type)) {
      continue;
    }
    const int32_t index = types_.Find(type);
    if (index == TypeTable::kNotAType) continue;
    if (IsFreeListLink(refcount, type)) return {};
    const ObjectSize object =
        object_sizes_.Of(types_.type(index), payload.subspan(offset));
    const uint64_t request =
        offset - rules_.large_before + object.bytes + rules_.large_extra;
    uint64_t slack = std::max(kMostSlack, request / 8);
    if (chunk.mapped) slack = kMappedSlack;
    if (object.at_least) slack = kMostRequestBytes;
    if (object.bytes == 0 || request > chunk.usable() ||
        chunk.usable() - request > slack ||
        (rules_.pools && !object.at_least &&
         request + kMostSlack <= rules_.largest_small)) {
      continue;
    }
    return {index, offset};
  }
  return {};
}

// What stands for the reference count on a free list of a type: 0, or from 3.14
// the next one (_PyFreeList_Push of Include/internal/pycore_freelist.h).
bool Tally::IsFreeListWord(uint64_t word) const {
  return word == 0 || (links_in_refcount_ && word % 8 == 0);
}

// The brk heap of a program at a fixed address is so low that a link to the
// next one on a free list looks like a count of references.
bool Tally::IsFreeListLink(uint64_t word, uint64_t type) {
  constexpr uint64_t kLowest = 1 << 22;  // of a program at a fixed address
  return links_in_refcount_ && word >= kLowest && word % 8 == 0 &&
         readable_.Contains(word) && types_.IsObjectOf(word, type);
}

Tally::Found Tally::FindObject(std::span<const std::byte> block) {
  for (const uint32_t offset : block_offsets_) {
    if (offset + kObjectHeadBytes > block.size()) continue;
    const auto refcount = Load<uint64_t>(block.data() + offset);
    const auto type = Load<uint64_t>(block.data() + offset + 8);
    if (type % 8 != 0 || !PlausibleAddress(type)) continue;
    if (!IsLiveRefcount(refcount)) {
      // An object on the free list of its type: what else is in the block (a
      // bound method of a class: its table, the class) must not be taken for
      // an object of that class. Not at the first place, where 3.7 leaves what
      // was in the block before in the head of an untracked object.
      if ((links_in_refcount_ || offset != block_offsets_.front()) &&
          (types_.IsKnown(type) ||
           (IsFreeListWord(refcount) && types_.IsStatic(type)))) {
        return {};
      }
      continue;
    }
    const int32_t index = types_.Find(type);
    if (index != TypeTable::kNotAType) return {index, offset};
  }
  return {};
}

Tally::Count Tally::count(int32_t type) const {
  const auto index = static_cast<size_t>(type);
  Count count;
  if (index < counts_.size()) count = counts_[index];
  count.bytes += owned_.bytes(type);
  if (sampling_) {
    const PoolSample::Estimate estimate = sample_.Of(type);
    count.objects += std::llround(estimate.objects);
    count.bytes += std::llround(estimate.block_bytes);
  }
  if (type == types_.bytes_type()) {
    // A bytearray may be met a moment before or after what is inside of it.
    const OwnedBytes::Inner& inner = owned_.inner();
    count.objects =
        std::max<int64_t>(0, count.objects - std::llround(inner.objects));
    count.bytes = std::max<int64_t>(0, count.bytes - inner.bytes);
  }
  return count;
}

double Tally::variance(int32_t type) const {
  if (!sampling_) return 0;
  double variance = sample_.Of(type).variance;
  if (type == types_.bytes_type() && owned_.inner().objects > 0) {
    for (int32_t i = 0; i < static_cast<int32_t>(types_.size()); ++i) {
      if (types_.owns(i) & kOwnsBuffer) variance += sample_.Of(i).variance;
    }
  }
  return variance;
}

Tally::Count Tally::Unknown() const {
  if (!sampling_) return unknown_;
  const PoolSample::Estimate known = sample_.Of(PoolSample::kAnyType);
  Count unknown{.objects = blocks_live_ - std::llround(known.objects),
                .bytes = -std::llround(known.block_bytes)};
  for (const core::SizeClass& c : classes_) {
    unknown.bytes += c.blocks_live * c.block_bytes;
  }
  return unknown;
}

void Tally::Fill(core::HeapCensus& census) const {
  const OwnedBytes::Totals& owned = owned_.totals();
  const Count unknown = Unknown();
  // What has an owner is not unknown. More than there is: the heap changed
  // while it was read, or two objects claim one buffer.
  census.unknown_blocks =
      std::max<int64_t>(0, unknown.objects - std::llround(owned.pool_blocks));
  census.unknown_bytes = std::max<int64_t>(0, unknown.bytes - owned.pool_bytes);
  census.implausible_claims = owned.implausible;
  if (!sampling_) {
    const int64_t blocks = std::llround(owned.pool_blocks) - unknown_.objects;
    census.implausible_claims += std::max<int64_t>(0, blocks);
  }
  census.pools_free = pools_free_;
  census.malloc = malloc_;
  census.malloc.buffer_bytes = owned.chunk_bytes;
  for (const core::SizeClass& c : classes_) {
    if (c.pools > 0) census.size_classes.push_back(c);
  }
  census.coverage.seen = blocks_examined_;
  census.coverage.total = blocks_live_;
  if (sampling_) {
    const PoolSample::Estimate any = sample_.Of(PoolSample::kAnyType);
    census.coverage.sampled = true;
    census.coverage.standard_error =
        any.objects > 0 ? std::sqrt(any.variance) / any.objects : 0;
  }
  if (!rules_.pools) {
    census.coverage.seen = census.coverage.total = malloc_.live_chunks;
  }
}

}  // namespace plimsoll::heap
