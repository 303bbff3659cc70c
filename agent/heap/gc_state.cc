#include "agent/heap/gc_state.h"

#include <array>
#include <optional>
#include <vector>

#include "agent/heap/gc_list.h"
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

constexpr int64_t kMostFrozen = 2'000'000;

// Nodes of a ring besides its head; nothing when it does not lead back there.
std::optional<int64_t> RingLength(const core::MemorySource& memory,
                                  uint64_t head) {
  int64_t length = 0;
  const auto count = [&length](uint64_t) { ++length; };
  GcNodeReader nodes(memory);
  if (!ForEachGcNode(nodes, head, kMostFrozen, count)) return std::nullopt;
  return length;
}

// gc.freeze() may splice while the list is walked.
std::optional<int64_t> CountFrozen(const core::MemorySource& memory,
                                   uint64_t head) {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    if (const auto length = RingLength(memory, head)) return length;
  }
  return std::nullopt;
}

// struct gc_generation: a GC head, int threshold, int count; padded to 8, and
// to 16 where the head is (3.7).
std::vector<int64_t> ReadThresholds(const core::MemorySource& memory,
                                    const core::GcLayout& layout) {
  std::vector<int64_t> thresholds;
  constexpr int32_t kWideStride = 48;
  const int32_t threshold = layout.generation_stride == kWideStride ? 32 : 16;
  for (int32_t i = 0; i < static_cast<int32_t>(kGenerations); ++i) {
    const auto value = ReadValue<int32_t>(
        memory,
        layout.state_address +
            static_cast<uint64_t>(layout.generations +
                                  i * layout.generation_stride + threshold));
    if (!value || *value < 0) return {};
    thresholds.push_back(*value);
  }
  return thresholds;
}

// Behind the statistics: int collecting; PyObject *garbage, *callbacks;
// Py_ssize_t long_lived_total, long_lived_pending.
std::optional<core::GcState::LongLived> ReadLongLived(
    const core::MemorySource& memory, const core::GcLayout& layout) {
  if (layout.generation_stats < 0) return std::nullopt;
  struct Tail {
    int32_t collecting;
    uint64_t garbage, callbacks;
    int64_t total, pending;
  };
  const auto tail = ReadValue<Tail>(
      memory, layout.state_address +
                  static_cast<uint64_t>(layout.generation_stats) +
                  sizeof(AllStats));
  if (!tail || (tail->collecting != 0 && tail->collecting != 1) ||
      tail->total < 0 || tail->pending < 0) {
    return std::nullopt;
  }
  return core::GcState::LongLived{.total = tail->total,
                                  .pending = tail->pending};
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
  if (layout.generations >= 0 && layout.generation_stride > 0) {
    state.thresholds = ReadThresholds(memory, layout);
  }
  if (layout.permanent_generation >= 0) {
    state.frozen_objects = CountFrozen(
        memory, layout.state_address +
                    static_cast<uint64_t>(layout.permanent_generation));
  }
  state.long_lived = ReadLongLived(memory, layout);
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
