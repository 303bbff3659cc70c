#include "agent/heap/birth_spots.h"

#include <array>
#include <vector>

#include "agent/heap/type_table.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr int kMostPoolsAhead = 1024;
constexpr int kTries = 3;  // copies of a pool that is torn
constexpr uint64_t kNextPool = 16;
constexpr uint64_t kPreviousPool = 24;

struct PoolCopy {
  PoolHeader header;
  std::vector<std::byte> bytes;
};

std::optional<PoolCopy> CopyPool(const core::MemorySource& memory,
                                 const core::ObjectLayout& layout,
                                 uint64_t address) {
  PoolCopy copy;
  copy.bytes.resize(layout.pool_bytes);
  if (!ReadAll(memory, address, copy.bytes)) return std::nullopt;
  auto header = ParsePoolHeader(copy.bytes, address, layout.pool_bytes);
  if (!header) return std::nullopt;
  copy.header = *header;
  return copy;
}

// The block that is handed out after `ahead` others of this pool; 0 when the
// copy does not agree with itself.
uint64_t BlockAhead(const PoolCopy& pool, uint64_t address, uint32_t ahead) {
  const PoolHeader& header = pool.header;
  const uint32_t freed = header.carved - header.live;
  if (ahead >= freed) {
    const uint64_t index = uint64_t{header.carved} + (ahead - freed);
    if (index >= header.capacity) return 0;
    return address + kPoolHeaderBytes + index * header.block_bytes;
  }
  uint64_t at = header.free_block;
  for (uint32_t i = 0;; ++i) {
    const uint64_t offset = at - address - kPoolHeaderBytes;
    if (at < address || offset % header.block_bytes != 0 ||
        offset >= uint64_t{header.carved} * header.block_bytes ||
        kPoolHeaderBytes + offset + sizeof(uint64_t) > pool.bytes.size()) {
      return 0;
    }
    if (i == ahead) return at;
    at = Load<uint64_t>(pool.bytes.data() + kPoolHeaderBytes + offset);
  }
}

uint64_t PickBlock(const core::MemorySource& memory,
                   const core::ObjectLayout& layout, const LinkedPool& pool,
                   uint32_t ahead) {
  for (int i = 0; i < kTries; ++i) {
    const auto copy = CopyPool(memory, layout, pool.address);
    if (!copy || copy->header.block_bytes != pool.header.block_bytes) return 0;
    const uint64_t block = BlockAhead(*copy, pool.address, ahead);
    if (block != 0) return block;
  }
  return 0;
}

}  // namespace

std::optional<LinkedPool> ReadLinkedPool(const core::MemorySource& memory,
                                         const core::ObjectLayout& layout,
                                         uint64_t address,
                                         int32_t block_bytes) {
  if (layout.pool_bytes == 0 || address % layout.pool_bytes != 0) {
    return std::nullopt;
  }
  std::array<std::byte, kPoolHeaderBytes> bytes;
  if (!ReadAll(memory, address, bytes)) return std::nullopt;
  const auto header = ParsePoolHeader(bytes, address, layout.pool_bytes);
  if (!header || header->block_bytes != static_cast<uint32_t>(block_bytes) ||
      header->empty()) {
    return std::nullopt;
  }
  return LinkedPool{address, *header, Load<uint64_t>(bytes.data() + kNextPool),
                    Load<uint64_t>(bytes.data() + kPreviousPool)};
}

bool IsListHead(const core::MemorySource& memory,
                const core::ObjectLayout& layout, uint64_t head,
                int32_t block_bytes) {
  if (!PlausibleAddress(head) || head % sizeof(uint64_t) != 0 ||
      ReadLinkedPool(memory, layout, head, block_bytes)) {
    return false;
  }
  const auto first = ReadValue<uint64_t>(memory, head + kNextPool);
  if (!first) return false;
  if (*first == head) return true;
  const auto pool = ReadLinkedPool(memory, layout, *first, block_bytes);
  return pool && pool->previous == head;
}

core::BirthSpot FindSpot(const core::MemorySource& memory,
                         const core::ObjectLayout& layout,
                         const core::SpotWish& wish) {
  const auto first = ReadValue<uint64_t>(memory, wish.list_head + kNextPool);
  if (!first) return {};
  int64_t passed = 0;  // free blocks before the pool
  std::optional<LinkedPool> last;
  uint64_t address = *first;
  for (int i = 0; i < kMostPoolsAhead && address != wish.list_head; ++i) {
    const auto pool = ReadLinkedPool(memory, layout, address, wish.block_bytes);
    if (!pool) break;  // the list was changed under the walk
    address = pool->next;
    if (pool->free() == 0) continue;
    last = pool;
    if (wish.ahead < passed + pool->free()) break;
    passed += pool->free();
  }
  if (!last) return {};
  // Past the end of what is known: the last block of the last pool.
  int64_t ahead = wish.ahead - passed;
  if (ahead >= last->free() || ahead < 0) {
    if (ahead >= 0) passed -= last->free();
    ahead = int64_t{last->free()} - 1;
  }
  const uint64_t block =
      PickBlock(memory, layout, *last, static_cast<uint32_t>(ahead));
  return {block, block == 0 ? 0 : passed + ahead};
}

core::BlockState LookAtBlock(const core::MemorySource& memory,
                             const core::ObjectLayout& layout,
                             const core::BlockQuestion& question) {
  core::BlockState state;
  if (layout.pool_bytes == 0 || question.block_bytes <= 0) return state;
  const uint64_t address = question.block & ~(uint64_t{layout.pool_bytes} - 1);
  for (int i = 0; i < kTries; ++i) {
    const auto copy = CopyPool(memory, layout, address);
    if (!copy) return {};
    const PoolHeader& header = copy->header;
    const uint64_t offset = question.block - address - kPoolHeaderBytes;
    if (header.block_bytes != static_cast<uint32_t>(question.block_bytes) ||
        question.block < address + kPoolHeaderBytes ||
        offset % header.block_bytes != 0 ||
        offset >= uint64_t{header.capacity} * header.block_bytes) {
      return {};
    }
    state.in_pool = true;
    const std::span<const std::byte> bytes =
        std::span(copy->bytes)
            .subspan(kPoolHeaderBytes + offset, header.block_bytes);
    const auto count = LoadAt<uint64_t>(bytes, question.object_offset);
    const auto type = LoadAt<uint64_t>(bytes, question.object_offset + 8LL);
    state.referenced = count && IsLiveRefcount(*count);
    state.type_address = type.value_or(0);
    FreeBlocks free_blocks;
    if (!free_blocks.Walk(copy->bytes, address, header)) continue;
    const auto index = static_cast<uint32_t>(offset / header.block_bytes);
    state.handed_out = index < header.carved && !free_blocks.Contains(index);
    return state;
  }
  return state;  // torn three times: not known to be handed out
}

}  // namespace plimsoll::heap
