#include "agent/core/birth_shares.h"

#include <algorithm>

namespace plimsoll::core {
namespace {

// Growth up to `end_ns`, and the samples born in it.
struct Stretch {
  int64_t end_ns = 0;
  double growth = 0;
  int64_t samples = 0;
};

size_t StretchOf(const std::vector<Stretch>& stretches, int64_t born_ns) {
  const auto found = std::find_if(
      stretches.begin(), stretches.end(),
      [born_ns](const Stretch& stretch) { return born_ns <= stretch.end_ns; });
  return found == stretches.end()
             ? stretches.size() - 1
             : static_cast<size_t>(found - stretches.begin());
}

// Every stretch that is left has growth and samples.
std::vector<Stretch> Merge(const std::vector<Stretch>& stretches) {
  std::vector<Stretch> merged;
  Stretch waiting;
  for (const Stretch& stretch : stretches) {
    waiting.end_ns = stretch.end_ns;
    waiting.growth += stretch.growth;
    waiting.samples += stretch.samples;
    if (waiting.growth <= 0 || waiting.samples == 0) continue;
    merged.push_back(waiting);
    waiting = {};
  }
  if (waiting.end_ns != 0 && !merged.empty()) {
    merged.back().end_ns = waiting.end_ns;
    merged.back().growth += waiting.growth;
    merged.back().samples += waiting.samples;
    // A late shrink may take back more than its stretch gained.
    while (merged.size() > 1 && merged.back().growth <= 0) {
      Stretch last = merged.back();
      merged.pop_back();
      merged.back().end_ns = last.end_ns;
      merged.back().growth += last.growth;
      merged.back().samples += last.samples;
    }
  }
  return merged;
}

}  // namespace

std::vector<double> WeighBirths(std::span<const int64_t> born_ns,
                                std::span<const ObjectsAt> counts) {
  if (born_ns.empty() || counts.size() < 2 ||
      counts.back().objects <= counts.front().objects) {
    return {};
  }
  std::vector<Stretch> stretches;
  for (size_t i = 1; i < counts.size(); ++i) {
    stretches.push_back(
        {counts[i].at_ns,
         static_cast<double>(counts[i].objects - counts[i - 1].objects), 0});
  }
  for (const int64_t born : born_ns) {
    ++stretches[StretchOf(stretches, born)].samples;
  }
  stretches = Merge(stretches);
  if (stretches.empty()) return {};
  std::vector<double> weights;
  for (const int64_t born : born_ns) {
    const Stretch& stretch = stretches[StretchOf(stretches, born)];
    weights.push_back(stretch.growth / static_cast<double>(stretch.samples));
  }
  return weights;
}

}  // namespace plimsoll::core
