#include "agent/heap/malloc_arena.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "agent/heap/malloc_chunk.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr size_t kTopOffset = 96;
constexpr size_t kBinsOffset = 112;
constexpr size_t kNextOffset = 2160;
// A bin's list is entered 16 bytes before its two words, where the head of a
// chunk with these links would be.
constexpr uint64_t kBinHead = kBinsOffset - 16;
constexpr int kLeastEmptyBins = 64;
constexpr std::array<int, 4> kBinsThatAreOftenEmpty = {126, 118, 90, 60};
constexpr size_t kMostArenas = 1024;
constexpr uint64_t kMostDataBytes = 1 << 20;
constexpr uint16_t kMostCached = 127;

bool IsChunkAddress(uint64_t address) {
  return PlausibleAddress(address) && address % 16 == 0;
}

// Of bin `index`, from 0; 0: empty, 1: no bin.
uint64_t FirstOf(std::span<const std::byte> bytes, uint64_t arena, int index) {
  const size_t at = kBinsOffset + 16 * static_cast<size_t>(index);
  const auto first = Load<uint64_t>(bytes.data() + at);
  const auto last = Load<uint64_t>(bytes.data() + at + 8);
  const uint64_t itself = arena + kBinHead + 16 * static_cast<uint64_t>(index);
  if (first == itself && last == itself) return 0;
  return IsChunkAddress(first) && IsChunkAddress(last) && first != itself
             ? first
             : 1;
}

std::optional<Arena> ParseArena(std::span<const std::byte> bytes,
                                uint64_t address) {
  if (bytes.size() < kArenaBytes) return std::nullopt;
  Arena arena;
  arena.address = address;
  arena.top = Load<uint64_t>(bytes.data() + kTopOffset);
  arena.last_remainder = Load<uint64_t>(bytes.data() + kTopOffset + 8);
  arena.next = Load<uint64_t>(bytes.data() + kNextOffset);
  // Before its first use, its top leads into itself.
  if (!IsChunkAddress(arena.top) || arena.top == address + kBinHead ||
      !PlausibleAddress(arena.next)) {
    return std::nullopt;
  }
  if (!IsChunkAddress(arena.last_remainder)) arena.last_remainder = 0;
  int empty = 0;
  for (int i = 0; i < kArenaBins; ++i) {
    const uint64_t first = FirstOf(bytes, address, i);
    if (first == 1) return std::nullopt;
    arena.bins[static_cast<size_t>(i)] = first;
    empty += first == 0;
  }
  return empty >= kLeastEmptyBins ? std::optional(arena) : std::nullopt;
}

bool IsLibc(const core::Mapping& mapping) {
  std::string_view name = mapping.path;
  name.remove_prefix(std::min(name.size(), name.rfind('/') + 1));
  return name.starts_with("libc.so.6") ||
         (name.starts_with("libc-2.") && name.find(".so") != name.npos);
}

uint64_t FindArenaIn(const core::MemorySource& memory, uint64_t start,
                     uint64_t end) {
  if (end <= start || end - start > kMostDataBytes) return 0;
  std::vector<std::byte> data(end - start);
  data.resize(std::min(memory.Read(start, data), data.size()));
  for (size_t at = 0; at + kArenaBytes <= data.size(); at += 8) {
    const auto here = std::span<const std::byte>(data).subspan(at);
    const auto may_be = [&](int bin) {
      return FirstOf(here, start + at, bin) == 0;
    };
    if (std::none_of(kBinsThatAreOftenEmpty.begin(),
                     kBinsThatAreOftenEmpty.end(), may_be)) {
      continue;
    }
    if (ParseArena(here, start + at)) return start + at;
  }
  return 0;
}

}  // namespace

std::optional<Arena> ReadArena(const core::MemorySource& memory,
                               uint64_t address) {
  std::array<std::byte, kArenaBytes> bytes;
  if (!ReadAll(memory, address, bytes)) return std::nullopt;
  return ParseArena(bytes, address);
}

std::vector<uint64_t> FindArenas(const core::MemorySource& memory,
                                 const std::vector<core::Mapping>& mappings) {
  std::vector<uint64_t> arenas;
  for (const core::Mapping& m : mappings) {
    if (!m.writable || !IsLibc(m)) continue;
    const uint64_t main = FindArenaIn(memory, m.start, m.end);
    if (main == 0) continue;
    uint64_t at = main;
    while (arenas.size() < kMostArenas) {
      const auto arena = ReadArena(memory, at);
      if (!arena || std::find(arenas.begin(), arenas.end(), at) != arenas.end())
        break;
      arenas.push_back(at);
      at = arena->next;
    }
    break;
  }
  return arenas;
}

std::optional<size_t> CacheClass(uint64_t chunk_bytes) {
  if (chunk_bytes < kSmallestChunk || chunk_bytes > kLargestCachedChunk ||
      chunk_bytes % 16 != 0) {
    return std::nullopt;
  }
  return (chunk_bytes - kSmallestChunk) / 16;
}

std::optional<ThreadCache> ReadThreadCache(const core::MemorySource& memory,
                                           uint64_t address) {
  ThreadCache cache;
  std::array<std::byte, sizeof(cache.counts) + sizeof(cache.entries)> bytes;
  if (!ReadAll(memory, address, bytes)) return std::nullopt;
  int chunks = 0;
  for (size_t i = 0; i < kCacheClasses; ++i) {
    cache.counts[i] = Load<uint16_t>(bytes.data() + 2 * i);
    cache.entries[i] =
        Load<uint64_t>(bytes.data() + sizeof(cache.counts) + 8 * i);
    if (cache.counts[i] > kMostCached) return std::nullopt;
    if (cache.entries[i] == 0) continue;
    if (!IsChunkAddress(cache.entries[i])) return std::nullopt;
    const auto word = ReadValue<uint64_t>(memory, cache.entries[i] - 8);
    // One may have been handed out since.
    chunks += word && CacheClass(*word & ~kChunkFlags) == i ? 1 : -1;
  }
  return chunks > 0 ? std::optional(cache) : std::nullopt;
}

}  // namespace plimsoll::heap
