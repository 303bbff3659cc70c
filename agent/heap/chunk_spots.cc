#include "agent/heap/chunk_spots.h"

#include <algorithm>
#include <array>
#include <optional>

#include "agent/heap/malloc_arena.h"
#include "agent/heap/malloc_chunk.h"
#include "agent/heap/type_table.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

using Kind = core::ChunkSource::Kind;

constexpr int64_t kFarthestAhead = 1 << 20;
constexpr uint64_t kMostChunk = uint64_t{1} << 40;
constexpr int kMostBinsRead = 32;
constexpr int kMostUnsorted = 32;

struct Head {
  uint64_t word = 0;
  uint64_t bytes = 0;
  bool mapped = false;
};

uint64_t WordAt(const core::MemorySource& memory, uint64_t address) {
  return ReadValue<uint64_t>(memory, address).value_or(0);
}

std::optional<Head> ReadHead(const core::MemorySource& memory, uint64_t chunk) {
  const auto word = ReadValue<uint64_t>(memory, chunk + 8);
  if (!word) return std::nullopt;
  const Head head{*word, *word & ~kChunkFlags, (*word & kChunkMapped) != 0};
  if (head.bytes % 16 != 0 || head.bytes < kSmallestChunk ||
      head.bytes > kMostChunk) {
    return std::nullopt;
  }
  return head;
}

// Whether the chunk is in use, by the head behind it.
bool InUse(const core::MemorySource& memory, uint64_t chunk, uint64_t bytes) {
  return (WordAt(memory, chunk + bytes + 8) & kChunkPreviousInUse) != 0;
}

core::BirthSpot FindCached(const core::MemorySource& memory,
                           const core::SpotWish& wish) {
  const auto index = CacheClass(static_cast<uint64_t>(wish.block_bytes));
  if (!index) return {};
  const auto cache = ReadThreadCache(memory, wish.source.address);
  if (!cache || cache->counts[*index] == 0 || cache->entries[*index] == 0) {
    return {};
  }
  const uint64_t payload = cache->entries[*index];
  const auto head = ReadHead(memory, payload - kChunkHeadBytes);
  const auto mark = ReadValue<uint64_t>(memory, payload + 8);
  if (!head || head->bytes != static_cast<uint64_t>(wish.block_bytes) ||
      !mark || *mark == 0) {
    return {};
  }
  return {.block = payload - kChunkHeadBytes,
          .ahead = 0,
          .chunk_bytes = static_cast<int64_t>(head->bytes),
          .cache_mark = *mark,
          .head = head->word};
}

// A free chunk that the next request of the class is served from: one of its
// size, else the smallest that is larger.
core::BirthSpot FindInBins(const core::MemorySource& memory, const Arena& arena,
                           const core::SpotWish& wish) {
  const auto least = static_cast<uint64_t>(wish.block_bytes);
  const auto most = static_cast<uint64_t>(wish.most_bytes);
  // What small requests are split from, as long as it lasts.
  const bool cached = CacheClass(least).has_value();
  core::BirthSpot spot;
  uint64_t smallest = kMostChunk;
  const auto consider = [&](uint64_t chunk) {
    const auto head = ReadHead(memory, chunk);
    if (!head || head->mapped || InUse(memory, chunk, head->bytes)) return;
    if (head->bytes >= least && head->bytes <= most) {
      // Of the sizes of the caches, births like this are not seen.
      if (!cached && smallest != 0) {
        spot = {.block = chunk,
                .chunk_bytes = static_cast<int64_t>(head->bytes),
                .head = head->word,
                .next_head = WordAt(memory, chunk + head->bytes + 8)};
        smallest = 0;
      }
    } else if (head->bytes >= least + kSmallestChunk &&
               head->bytes < smallest) {
      spot = {.block = chunk};
      smallest = head->bytes;
    }
  };
  uint64_t chunk = arena.bins[0];
  for (int i = 0; i < kMostUnsorted && chunk != 0; ++i) {
    consider(chunk);
    const auto next = ReadValue<uint64_t>(memory, chunk + kChunkHeadBytes);
    chunk = next && *next % 16 == 0 && *next != arena.bins[0] ? *next : 0;
    if (chunk >= arena.address && chunk < arena.address + kArenaBytes) break;
  }
  int read = 0;
  for (size_t i = 1; i < arena.bins.size() && read < kMostBinsRead; ++i) {
    // Bin 2 (index 1) is of 32 bytes, each small one of 16 more.
    if (arena.bins[i] == 0 || (i < 63 && 16 + 16 * i < least)) continue;
    ++read;
    consider(arena.bins[i]);
  }
  if (cached && arena.last_remainder != 0 && smallest != 0) {
    consider(arena.last_remainder);
  }
  if (spot.block == 0 || spot.chunk_bytes != 0) return spot;
  const auto room = static_cast<int64_t>(smallest / least) - 1;
  spot.ahead = std::clamp<int64_t>(wish.ahead, 0, std::max<int64_t>(room, 0));
  if (!cached) spot.ahead = 0;
  spot.block += static_cast<uint64_t>(spot.ahead) * least;
  spot.head = WordAt(memory, spot.block + 8);
  return spot;
}

core::BirthSpot FindAtTop(const core::MemorySource& memory, const Arena& arena,
                          const core::SpotWish& wish) {
  // Where sizes differ, only the next chunk's place is known: the others are
  // tried.
  const int64_t ahead = std::clamp<int64_t>(wish.ahead, 0, kFarthestAhead);
  const uint64_t block = arena.top + static_cast<uint64_t>(ahead) *
                                         static_cast<uint64_t>(wish.step_bytes);
  return {.block = block, .ahead = ahead, .head = WordAt(memory, block + 8)};
}

}  // namespace

core::BirthSpot FindChunkSpot(const core::MemorySource& memory,
                              const core::SpotWish& wish) {
  if (wish.block_bytes < static_cast<int32_t>(kSmallestChunk) ||
      wish.block_bytes % 16 != 0 || wish.most_bytes < wish.block_bytes ||
      wish.step_bytes < wish.block_bytes || wish.step_bytes % 16 != 0) {
    return {};
  }
  if (wish.source.kind == Kind::kCache) return FindCached(memory, wish);
  const auto arena = ReadArena(memory, wish.source.address);
  if (!arena) return {};
  return wish.source.kind == Kind::kTop ? FindAtTop(memory, *arena, wish)
                                        : FindInBins(memory, *arena, wish);
}

core::BlockState LookAtChunk(const core::MemorySource& memory,
                             const core::BlockQuestion& question) {
  core::BlockState state;
  if (!PlausibleAddress(question.block) || question.block % 16 != 0) return {};
  if (question.arena != 0) {
    const auto arena = ReadArena(memory, question.arena);
    if (!arena) return {};
    if (arena->top <= question.block) {
      state.in_pool = true;
      return state;
    }
  }
  const auto head = ReadHead(memory, question.block);
  if (!head) return {};
  const bool of_class =
      head->bytes >= static_cast<uint64_t>(question.block_bytes) &&
      head->bytes <= static_cast<uint64_t>(question.most_bytes);
  const bool in_use =
      head->mapped || InUse(memory, question.block, head->bytes);
  const uint64_t payload = question.block + kChunkHeadBytes;
  std::array<std::byte, 64> bytes;
  if (!ReadAll(memory, payload, bytes)) return {};
  const auto second = Load<uint64_t>(bytes.data() + 8);
  // What is free may be split to the size yet.
  state.in_pool = of_class || !in_use;
  state.handed_out =
      of_class && in_use &&
      (question.cache_mark == 0 || second != question.cache_mark);
  state.chunk_bytes = static_cast<int64_t>(head->bytes);
  state.referenced = IsLiveRefcount(
      LoadAt<uint64_t>(bytes, question.object_offset).value_or(0));
  state.type_address =
      LoadAt<uint64_t>(bytes, question.object_offset + 8LL).value_or(0);
  return state;
}

}  // namespace plimsoll::heap
