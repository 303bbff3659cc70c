#include "agent/heap/gc_state.h"

#include <array>
#include <optional>

#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr size_t kGenerations = 3;

struct GenerationStats {
  int64_t collections = 0;
  int64_t collected = 0;
  int64_t uncollectable = 0;
};
static_assert(sizeof(GenerationStats) == 24);

// struct gc_generation_stats of 3.15
// (Include/internal/pycore_interp_structs.h); each collection's counts include
// those before it.
struct CollectionStats {
  int64_t ts_start, ts_stop;
  GenerationStats totals;
  int64_t candidates;
  double duration;
  int64_t heap_size;
};
static_assert(sizeof(CollectionStats) == 64);

template <size_t kItems>
struct StatsRing {
  std::array<CollectionStats, kItems> items;
  int8_t index;  // the last one
};

struct GcStats315 {
  StatsRing<11> young;
  std::array<StatsRing<3>, 2> old;
  uint32_t update_seq;
};
static_assert(sizeof(GcStats315) == 1120);

using AllStats = std::array<GenerationStats, kGenerations>;

template <size_t kItems>
bool TakeLast(const StatsRing<kItems>& ring, GenerationStats& out) {
  if (ring.index < 0 || static_cast<size_t>(ring.index) >= kItems) return false;
  out = ring.items[static_cast<size_t>(ring.index)].totals;
  return true;
}

std::optional<AllStats> ReadRings(const core::MemorySource& memory,
                                  uint64_t pointer) {
  const auto address = ReadValue<uint64_t>(memory, pointer);
  if (!address) return std::nullopt;
  const auto stats = ReadValue<GcStats315>(memory, *address);
  AllStats last;
  if (!stats || !TakeLast(stats->young, last[0]) ||
      !TakeLast(stats->old[0], last[1]) || !TakeLast(stats->old[1], last[2])) {
    return std::nullopt;
  }
  return last;
}

std::optional<AllStats> ReadStats(const core::MemorySource& memory,
                                  const core::GcLayout& layout) {
  if (layout.generation_stats_rings >= 0) {
    return ReadRings(memory,
                     layout.state_address +
                         static_cast<uint64_t>(layout.generation_stats_rings));
  }
  if (layout.generation_stats < 0) return std::nullopt;
  return ReadValue<AllStats>(
      memory,
      layout.state_address + static_cast<uint64_t>(layout.generation_stats));
}

}  // namespace

core::GcState ReadGcState(const core::MemorySource& memory,
                          const core::GcLayout& layout) {
  core::GcState state;
  if (layout.state_address == 0) return state;
  if (layout.enabled >= 0) {
    const auto enabled = ReadValue<int32_t>(
        memory, layout.state_address + static_cast<uint64_t>(layout.enabled));
    if (enabled && (*enabled == 0 || *enabled == 1)) {
      state.enabled = *enabled == 1;
    }
  }
  const auto stats = ReadStats(memory, layout);
  if (!stats) return state;
  for (const GenerationStats& s : *stats) {
    if (s.collections < 0 || s.collected < 0 || s.uncollectable < 0) {
      state.generations.clear();
      return state;
    }
    state.generations.push_back({.collections = s.collections,
                                 .collected = s.collected,
                                 .uncollectable = s.uncollectable});
  }
  return state;
}

}  // namespace plimsoll::heap
