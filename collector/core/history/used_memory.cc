#include "collector/core/history/used_memory.h"

#include <algorithm>

namespace plimsoll::collector {
namespace {

// A census that the memory was not read with: its sample before is near.
constexpr int64_t kNearNs = 60'000'000'000;

}  // namespace

std::vector<Sample> UsedMemory::Add(const std::vector<Sample>& anon,
                                    const std::vector<Sample>& python_free,
                                    const std::vector<Sample>& malloc_free) {
  has_malloc_ = has_malloc_ || !malloc_free.empty();
  std::vector<Sample> used;
  auto memory = anon.begin();
  auto malloc = malloc_free.begin();
  for (const Sample& free : python_free) {
    while (memory != anon.end() && memory->time_ns <= free.time_ns) {
      newest_anon_ = *memory++;
    }
    while (malloc != malloc_free.end() && malloc->time_ns < free.time_ns) {
      ++malloc;
    }
    const bool walked =
        malloc != malloc_free.end() && malloc->time_ns == free.time_ns;
    if (newest_anon_.time_ns == 0 ||
        free.time_ns - newest_anon_.time_ns > kNearNs ||
        (has_malloc_ && !walked)) {
      continue;
    }
    const double held = free.value + (walked ? malloc->value : 0);
    used.push_back({free.time_ns, std::max(0.0, newest_anon_.value - held)});
  }
  if (!anon.empty()) newest_anon_ = anon.back();
  return used;
}

}  // namespace plimsoll::collector
