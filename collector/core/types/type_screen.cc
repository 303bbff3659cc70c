#include "collector/core/types/type_screen.h"

#include <algorithm>
#include <functional>

namespace plimsoll::collector {

const TypeScreen::Level* TypeScreen::Find(uint64_t name_hash) const {
  const auto at = std::lower_bound(
      levels_.begin(), levels_.end(), name_hash,
      [](const Level& l, uint64_t h) { return l.name_hash < h; });
  return at != levels_.end() && at->name_hash == name_hash ? &*at : nullptr;
}

BytesByType TypeScreen::Add(int64_t now_ns, const BytesByType& census) {
  if (census.empty()) return {};
  const bool first = levels_.empty();
  if (first) levels_ns_ = now_ns;
  const bool anew = now_ns - levels_ns_ >= kLevelsNs;
  BytesByType gains;
  std::vector<Level> levels;
  levels.reserve(census.size());
  for (const auto& [type, bytes] : census) {
    Level level;
    level.name_hash = std::hash<std::string>()(type);
    if (const Level* known = Find(level.name_hash)) {
      level = *known;
    } else if (first) {
      level.before = level.since = static_cast<float>(bytes);
    }
    const double gain = bytes - level.before;
    if (gain > 0) gains.emplace_back(type, gain);
    if (anew) {
      level.before = level.since;
      level.since = static_cast<float>(bytes);
    }
    levels.push_back(level);
  }
  if (anew) levels_ns_ = now_ns;
  std::sort(levels.begin(), levels.end(), [](const Level& a, const Level& b) {
    return a.name_hash < b.name_hash;
  });
  levels_ = std::move(levels);
  return gains;
}

}  // namespace plimsoll::collector
