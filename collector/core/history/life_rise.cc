#include "collector/core/history/life_rise.h"

#include <algorithm>

namespace plimsoll::collector {
namespace {

// Blocks are five minutes: with one missing at either end the thirds are this
// far apart, of the window.
constexpr double kLeastApart = 0.5;
constexpr double kMostMissing_s = 600;  // at the end

// From a block on that has not begun before the window.
template <class AgeAt>
std::optional<MeanFloor> MeanFrom(const std::vector<MemoryBlock>& blocks,
                                  size_t at, double to_s, const AgeAt& age_at) {
  MeanFloor mean;
  double seen = 0;
  for (; at < blocks.size(); ++at) {
    const double age_s = age_at(at), floor = blocks[at].floor;
    if (age_s >= to_s) break;
    mean.age_s += age_s;
    mean.bytes += floor;
    mean.lowest_bytes = seen == 0 ? floor : std::min(mean.lowest_bytes, floor);
    seen += 1;
  }
  if (seen == 0) return std::nullopt;
  mean.age_s /= seen, mean.bytes /= seen;
  return mean;
}

// `mean_of` (i, from, to) of each third.
template <class MeanOf>
std::optional<LifeRise> RiseBy(double from_s, double window_s,
                               const MeanOf& mean_of) {
  LifeRise rise;
  rise.from_s = from_s;
  rise.window_s = window_s;
  for (size_t i = 0; i < rise.thirds.size(); ++i) {
    const double begin_s = from_s + static_cast<double>(i) * window_s / 3;
    const std::optional<MeanFloor> mean =
        mean_of(i, begin_s, begin_s + window_s / 3);
    if (!mean) return std::nullopt;
    rise.thirds[i] = *mean;
  }
  if (rise.thirds[2].age_s - rise.thirds[0].age_s < kLeastApart * window_s) {
    return std::nullopt;
  }
  return rise;
}

}  // namespace

double AgeOf(const WorkloadLife& life, const MemoryBlock& block) {
  return static_cast<double>(block.time_ns - life.start_ns) / 1e9;
}

std::optional<MeanFloor> MeanBetween(const WorkloadLife& life, double from_s,
                                     double to_s) {
  const auto first = std::partition_point(
      life.blocks.begin(), life.blocks.end(),
      [&](const MemoryBlock& b) { return AgeOf(life, b) < from_s; });
  return MeanFrom(life.blocks, static_cast<size_t>(first - life.blocks.begin()),
                  to_s, [&](size_t i) { return AgeOf(life, life.blocks[i]); });
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
  return RiseBy(from_s, window_s, [&](size_t, double begin_s, double end_s) {
    return MeanBetween(life, begin_s, end_s);
  });
}

RisesOfLife::RisesOfLife(const WorkloadLife& life, double window_s)
    : life_(life), window_s_(window_s) {
  ages_s_.reserve(life.blocks.size());
  for (const MemoryBlock& b : life.blocks) ages_s_.push_back(AgeOf(life, b));
}

std::optional<LifeRise> RisesOfLife::From(double from_s) {
  if (ages_s_.empty() || ages_s_.back() < from_s + window_s_ - kMostMissing_s) {
    return std::nullopt;
  }
  return RiseBy(from_s, window_s_,
                [this](size_t third, double begin_s, double end_s) {
                  size_t& first = firsts_[third];
                  while (first < ages_s_.size() && ages_s_[first] < begin_s)
                    ++first;
                  return MeanFrom(life_.blocks, first, end_s,
                                  [this](size_t i) { return ages_s_[i]; });
                });
}

}  // namespace plimsoll::collector
