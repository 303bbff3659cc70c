#include "collector/core/traffic/traffic_levels.h"

#include <algorithm>

namespace plimsoll::collector {
namespace {

// A mean over more costs more than it gains.
constexpr size_t kMostOfABlock = 8;

Level LevelOf(const std::vector<Sample>& block, LevelKind kind) {
  if (kind == LevelKind::kLowest) {
    return {*std::min_element(
        block.begin(), block.end(),
        [](const Sample& a, const Sample& b) { return a.value < b.value; })};
  }
  if (block.size() <= kMostOfABlock) return block;
  Level level;
  for (size_t i = 0; i < kMostOfABlock; ++i) {
    level.push_back(block[i * (block.size() - 1) / (kMostOfABlock - 1)]);
  }
  return level;
}

}  // namespace

std::vector<Level> LevelsOf(const std::vector<Sample>& samples, size_t most,
                            LevelKind kind) {
  std::vector<Level> levels;
  if (samples.size() <= most) {
    for (const Sample& s : samples) {
      if (levels.empty() || s.time_ns > levels.back().front().time_ns) {
        levels.push_back({s});
      }
    }
    return levels;
  }
  const int64_t first = samples.front().time_ns;
  const int64_t span = samples.back().time_ns - first + 1;
  const int64_t length = span / static_cast<int64_t>(most) + 1;
  for (size_t i = 0; i < samples.size();) {
    const int64_t which = (samples[i].time_ns - first) / length;
    std::vector<Sample> block;
    for (; i < samples.size() && (samples[i].time_ns - first) / length == which;
         ++i) {
      if (block.empty() || samples[i].time_ns > block.back().time_ns) {
        block.push_back(samples[i]);
      }
    }
    levels.push_back(LevelOf(block, kind));
  }
  return levels;
}

double BytesOf(const Level& level) {
  double sum = 0;
  for (const Sample& s : level) sum += s.value;
  return sum / static_cast<double>(level.size());
}

double SecondsOf(const Level& level) {
  const int64_t first = level.front().time_ns;
  double sum = 0;
  for (const Sample& s : level) sum += static_cast<double>(s.time_ns - first);
  return (static_cast<double>(first) +
          sum / static_cast<double>(level.size())) /
         1e9;
}

}  // namespace plimsoll::collector
