// Whether a stretch of a life grows steadily: slope with interval, trend test,
// and what was gained. What would speak against a leak in its shape is
// growth_shape.h's. leak-analysis 2.3, steps 5-7. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_FIT_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_FIT_H_

#include <limits>
#include <optional>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/growth/growth_points.h"
#include "collector/core/stats/robust_slope.h"

namespace plimsoll::collector {

struct GrowthFit {
  GrowthPoints of;
  Estimate slope;  // per second, of the mean pace: wide enough to look ahead
  // What was gained over the window itself, per second. Its interval holds what
  // the level's noise at both ends leaves open and no more: the pace of a leak
  // by requests varies, but what it took is known.
  Estimate gained;
  double gained_over_s = 0;  // between the middles of both ends
  // Half the width of that interval with a steady bend taken out: what fills
  // bends by more than its noise.
  double noise = std::numeric_limits<double>::infinity();
  double bend = 0;  // rate of the second half of it less that of the first
  double z = 0;
  double window_s = 0;
};

// Nothing with too few points.
std::optional<GrowthFit> FitGrowth(GrowthPoints points, double inflation);
// The same of floors and requests as PointsOf takes them.
std::optional<GrowthFit> FitGrowth(const Epoch& floors,
                                   const std::vector<double>& requests,
                                   double inflation);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_FIT_H_
