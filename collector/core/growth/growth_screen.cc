#include "collector/core/growth/growth_screen.h"

#include <cmath>

#include "collector/core/stats/pair_slopes.h"

namespace plimsoll::collector {
namespace {

// Longer series are thinned before they are tested: another count.
constexpr size_t kMostPoints = 400;
// More than rounding takes from a slope of a hundredth of a byte per second.
constexpr double kMargin = 1e-6;

// Pairs of one time have no slope, but are counted.
double PairsOfOneTime(const Epoch& points) {
  double pairs = 0, same = 0;
  for (size_t i = 1; i < points.size(); ++i) {
    same = points[i].t_s > points[i - 1].t_s ? 0 : same + 1;
    pairs += same;
  }
  return pairs;
}

}  // namespace

double ChanceOf(double z) { return 0.5 * std::erfc(z / std::sqrt(2.0)); }

bool CannotBeSure(const Epoch& points, const JudgementThresholds& thresholds) {
  if (points.size() > kMostPoints) return false;
  const double n = static_cast<double>(points.size());
  const PairCount pairs = CountPairs(points, 0);
  const double variance = (n * (n - 1) * (2 * n + 5) - pairs.ties) / 18;
  // Hamed and Rao's factor on it is 1 or more.
  const double most_z =
      pairs.rises_less_falls <= 1 || variance <= 0
          ? 0
          : (1 + kMargin) * (pairs.rises_less_falls - 1) / std::sqrt(variance);
  return most_z < thresholds.min_z &&
         ChanceOf(most_z) > thresholds.false_discovery_rate;
}

bool IsSlowerThan(const Epoch& points, double slope) {
  const double rises =
      CountPairs(points, (1 - kMargin) * slope).rises_less_falls;
  return points.size() <= kMostPoints && rises + 2 * PairsOfOneTime(points) < 0;
}

}  // namespace plimsoll::collector
