#include "agent/heap/gc_state.h"

#include <array>

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
  if (layout.generation_stats < 0) return state;
  const auto stats = ReadValue<std::array<GenerationStats, kGenerations>>(
      memory,
      layout.state_address + static_cast<uint64_t>(layout.generation_stats));
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
