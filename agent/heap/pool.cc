#include "agent/heap/pool.h"

#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

// More arenas than any process has: 2^20 of them are 256 GiB or 1 TiB.
constexpr uint32_t kMostArenas = 1 << 20;

// szidx counts in steps of the alignment: 16 bytes, and 8 up to 3.7.3.
bool SizeClassFits(uint32_t block_bytes, uint32_t szidx, uint32_t pool_bytes) {
  if (block_bytes % 16 == 0 && szidx == block_bytes / 16 - 1) return true;
  return pool_bytes == 4096 && block_bytes % 8 == 0 &&
         szidx == block_bytes / 8 - 1;
}

}  // namespace

std::optional<PoolHeader> ParsePoolHeader(std::span<const std::byte> bytes,
                                          uint64_t address,
                                          uint32_t pool_bytes) {
  if (bytes.size() < kPoolHeaderBytes) return std::nullopt;
  const std::byte* h = bytes.data();
  const auto max_next_offset = Load<uint32_t>(h + 44);
  if (max_next_offset >= pool_bytes) return std::nullopt;
  const uint32_t block = pool_bytes - max_next_offset;
  if (block < kSmallestBlockBytes || block > kLargestBlockBytes ||
      !SizeClassFits(block, Load<uint32_t>(h + 36), pool_bytes)) {
    return std::nullopt;
  }
  PoolHeader header;
  header.block_bytes = block;
  header.live = Load<uint32_t>(h);
  header.free_block = Load<uint64_t>(h + 8);
  header.arena_index = Load<uint32_t>(h + 32);
  header.capacity = (pool_bytes - kPoolHeaderBytes) / block;
  const auto next_offset = Load<uint32_t>(h + 40);
  if (next_offset < kPoolHeaderBytes + block || next_offset > pool_bytes ||
      (next_offset - kPoolHeaderBytes) % block != 0) {
    return std::nullopt;
  }
  header.carved = (next_offset - kPoolHeaderBytes) / block;
  if (header.live > header.carved || header.arena_index >= kMostArenas) {
    return std::nullopt;
  }
  if (header.free_block != 0 &&
      (header.free_block < address + kPoolHeaderBytes ||
       header.free_block >= address + pool_bytes)) {
    return std::nullopt;
  }
  return header;
}

bool FreeBlocks::Walk(std::span<const std::byte> pool, uint64_t address,
                      const PoolHeader& header) {
  bits_.fill(0);
  const uint32_t expected = header.carved - header.live;
  uint32_t walked = 0;
  for (uint64_t at = header.free_block; at != 0;) {
    // An address below the pool wraps to a huge offset.
    const uint64_t offset = at - address - kPoolHeaderBytes;
    if (at < address || walked == expected ||
        offset >= uint64_t{header.carved} * header.block_bytes) {
      return false;
    }
    const auto index = static_cast<uint32_t>(offset) / header.block_bytes;
    const uint64_t start = kPoolHeaderBytes + offset;
    if (offset % header.block_bytes != 0 || Contains(index) ||
        start + sizeof(uint64_t) > pool.size()) {
      return false;
    }
    bits_[index / 64] |= uint64_t{1} << (index % 64);
    ++walked;
    at = Load<uint64_t>(pool.data() + start);
  }
  return walked == expected;
}

}  // namespace plimsoll::heap
