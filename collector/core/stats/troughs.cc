#include "collector/core/stats/troughs.h"

#include <algorithm>
#include <cmath>

namespace plimsoll::collector {
namespace {

constexpr int kMostBlocks = 96;
constexpr int kFewestBlocks = 12;
constexpr int kResetsOfASaw = 3;
constexpr size_t kPercentileFrom = 60;  // samples: then P5, not the minimum

int CountResets(const Epoch& samples) {
  std::vector<double> steps, levels;
  for (size_t i = 0; i < samples.size(); ++i) {
    levels.push_back(samples[i].y);
    if (i > 0) steps.push_back(samples[i].y - samples[i - 1].y);
  }
  const double bar =
      std::max(6 * RobustDeviation(steps), 0.02 * std::abs(Median(levels)));
  return static_cast<int>(std::count_if(steps.begin(), steps.end(),
                                        [&](double d) { return d < -bar; }));
}

double BlockLength(const Epoch& samples, int resets) {
  const double span = samples.back().t_s - samples.front().t_s;
  const double step = span / static_cast<double>(samples.size() - 1);
  const double most = span / kFewestBlocks;
  const double least = std::min(std::max(span / kMostBlocks, 5 * step), most);
  const double saw = resets >= kResetsOfASaw ? 2 * span / resets : 0;
  return std::clamp(saw, least, most);
}

// The floor of a block: its lowest sample, or where there are many the one at
// the fifth percentile.
Point Floor(std::vector<Point> block) {
  const size_t rank = block.size() >= kPercentileFrom ? block.size() / 20 : 0;
  std::nth_element(
      block.begin(), block.begin() + static_cast<std::ptrdiff_t>(rank),
      block.end(), [](const Point& a, const Point& b) { return a.y < b.y; });
  return block[rank];
}

}  // namespace

Troughs FindTroughs(const Epoch& samples) {
  Troughs out;
  if (samples.size() < 2 || samples.back().t_s <= samples.front().t_s) {
    return out;
  }
  out.resets = CountResets(samples);
  out.block_s = BlockLength(samples, out.resets);
  std::vector<double> above;
  for (size_t i = 0; i < samples.size();) {
    const double end = samples[i].t_s + out.block_s;
    std::vector<Point> block;
    for (; i < samples.size() && samples[i].t_s < end; ++i) {
      block.push_back(samples[i]);
    }
    const Point floor = Floor(block);
    for (const Point& p : block) above.push_back(std::max(0.0, p.y - floor.y));
    out.points.push_back(floor);
  }
  const size_t rank = above.size() * 99 / 100;
  std::nth_element(above.begin(),
                   above.begin() + static_cast<std::ptrdiff_t>(rank),
                   above.end());
  out.amplitude = above[rank];
  return out;
}

}  // namespace plimsoll::collector
