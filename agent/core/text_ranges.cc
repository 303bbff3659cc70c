#include "agent/core/text_ranges.h"

#include <algorithm>
#include <functional>

namespace plimsoll::core {

std::vector<TextRange> TextRanges(const std::vector<Mapping>& mappings,
                                  size_t most) {
  std::vector<TextRange> all;
  for (const Mapping& m : mappings) {
    if (m.executable && m.inode != 0 && m.start < m.end) {
      all.push_back({m.start, m.end});
    }
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.begin < b.begin; });
  if (most == 0 || all.size() <= most) return most == 0 ? decltype(all){} : all;
  std::vector<uint64_t> gaps;
  for (size_t i = 1; i < all.size(); ++i) {
    gaps.push_back(all[i].begin - std::min(all[i].begin, all[i - 1].end));
  }
  // As many gaps are left as separate `most` ranges; of equal ones the first.
  std::vector<uint64_t> sorted = gaps;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const uint64_t least = most > 1 ? sorted[most - 2] : UINT64_MAX;
  std::vector<TextRange> ranges = {all[0]};
  for (size_t i = 1; i < all.size(); ++i) {
    if (most > 1 && gaps[i - 1] >= least && ranges.size() < most) {
      ranges.push_back(all[i]);
    } else {
      ranges.back().end = std::max(ranges.back().end, all[i].end);
    }
  }
  return ranges;
}

}  // namespace plimsoll::core
