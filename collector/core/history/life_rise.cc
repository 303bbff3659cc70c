#include "collector/core/history/life_rise.h"

#include <algorithm>

namespace plimsoll::collector {
namespace {

// Blocks are five minutes: with one missing at either end the thirds are this
// far apart, of the window.
constexpr double kLeastApart = 0.5;
constexpr double kMostMissing_s = 600;  // at the end

}  // namespace

double AgeOf(const WorkloadLife& life, const MemoryBlock& block) {
  return static_cast<double>(block.time_ns - life.start_ns) / 1e9;
}

std::optional<MeanFloor> MeanBetween(const WorkloadLife& life, double from_s,
                                     double to_s) {
  auto block = std::partition_point(
      life.blocks.begin(), life.blocks.end(),
      [&](const MemoryBlock& b) { return AgeOf(life, b) < from_s; });
  MeanFloor mean;
  double blocks = 0;
  for (; block != life.blocks.end() && AgeOf(life, *block) < to_s; ++block) {
    mean.age_s += AgeOf(life, *block);
    mean.bytes += block->floor;
    mean.lowest_bytes =
        blocks == 0 ? block->floor : std::min(mean.lowest_bytes, block->floor);
    blocks += 1;
  }
  if (blocks == 0) return std::nullopt;
  mean.age_s /= blocks, mean.bytes /= blocks;
  return mean;
}

double LifeRise::bytes_per_s() const {
  return (thirds[2].bytes - thirds[0].bytes) /
         (thirds[2].age_s - thirds[0].age_s);
}

std::optional<LifeRise> RiseOf(const WorkloadLife& life, double from_s,
                               double window_s) {
  if (life.blocks.empty() ||
      AgeOf(life, life.blocks.back()) < from_s + window_s - kMostMissing_s) {
    return std::nullopt;
  }
  LifeRise rise;
  rise.from_s = from_s;
  rise.window_s = window_s;
  for (size_t i = 0; i < rise.thirds.size(); ++i) {
    const double begin_s = from_s + static_cast<double>(i) * window_s / 3;
    const auto mean = MeanBetween(life, begin_s, begin_s + window_s / 3);
    if (!mean) return std::nullopt;
    rise.thirds[i] = *mean;
  }
  if (rise.thirds[2].age_s - rise.thirds[0].age_s < kLeastApart * window_s) {
    return std::nullopt;
  }
  return rise;
}

}  // namespace plimsoll::collector
