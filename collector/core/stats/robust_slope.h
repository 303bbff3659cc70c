// Slopes of short, dirty series: Theil-Sen, Kendall's trend test with Hamed and
// Rao's correction for autocorrelation (1998), and an interval that is wide
// enough for a leak, which is a random walk around its mean. leak-analysis 2.3,
// steps 5-7. Pure functions of their arguments; any thread.
//
// Several epochs (lives of processes) of one thing may be pooled: pairs are
// taken inside an epoch only, so a restart adds no slope.
#ifndef PLIMSOLL_COLLECTOR_CORE_STATS_ROBUST_SLOPE_H_
#define PLIMSOLL_COLLECTOR_CORE_STATS_ROBUST_SLOPE_H_

#include <optional>
#include <span>
#include <vector>

#include "collector/core/estimate.h"

namespace plimsoll::collector {

struct Point {
  double t_s = 0;
  double y = 0;
};
using Epoch = std::vector<Point>;

// 0 when empty. Takes its argument by value: it is reordered.
double Median(std::vector<double> values);
// Median of |v - median|, times 1.4826: the standard deviation of a normal.
double RobustDeviation(const std::vector<double>& values);

// Median of the slopes of all pairs within an epoch; nothing with no pair.
// At most 400 points of an epoch are used (evenly thinned), 79,800 pairs.
std::optional<double> TheilSen(std::span<const Epoch> epochs);

// Kendall's S over sqrt(V), V widened by the autocorrelation of the ranks of
// the detrended series. 0 with fewer than four points.
double HamedRaoZ(std::span<const Epoch> epochs, double slope);

// Standard error of a slope from its residuals: the largest of Newey-West,
// AR(1)-corrected least squares, and, where the errors look like a random walk
// (or are too few to tell), that of the mean increment.
double SlopeError(std::span<const Epoch> epochs, double slope);

struct SlopeFit {
  Estimate slope;  // per second, 95 %
  double z = 0;
  int points = 0;
};
// Nothing with fewer than four points. `inflation` widens the interval.
std::optional<SlopeFit> FitSlope(std::span<const Epoch> epochs,
                                 double inflation);
std::optional<SlopeFit> FitSlope(const Epoch& epoch, double inflation);
// Without the trend test, which costs most.
std::optional<Estimate> FitSlopeOnly(const Epoch& epoch, double inflation);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_STATS_ROBUST_SLOPE_H_
