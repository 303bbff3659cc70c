// Whether a stretch of a life grows steadily: slope with interval, trend test,
// and what would speak against a leak: growth that ends, that bends down, or
// that came in one step. leak-analysis 2.3, steps 2 and 4-8. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_FIT_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_FIT_H_

#include <limits>
#include <optional>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/robust_slope.h"

namespace plimsoll::collector {

struct GrowthFit {
  Estimate slope;  // per second, of the mean pace: wide enough to look ahead
  // What was gained over the window itself, per second. Its interval holds what
  // the level's noise at both ends leaves open and no more: the pace of a leak
  // by requests varies, but what it took is known.
  Estimate gained;
  // Half the width of that interval with a steady bend taken out: what fills
  // bends by more than its noise.
  double noise = std::numeric_limits<double>::infinity();
  double bend = 0;  // rate of the second half of it less that of the first
  double z = 0;
  double window_s = 0;
  int points = 0;              // after troughs of a saw were taken
  int resets = 0;              // of a saw
  double amplitude = 0;        // of it, above the troughs
  double least_third = 0;      // slope of the slowest third over the whole
  double last_third = 0;       // of the last
  double late_over_early = 0;  // second half over first half
  bool by_requests = false;    // the axis was requests, scaled to seconds
  bool load_taken_out = false;
  // Of the slope: what load that rises meanwhile may be at the most; 0 where
  // requests are not counted.
  double load_share = 0;
  double step_share = 0;  // of the rise: what goes with the largest jump
};

// Of floors in time order, each with the requests that were served since the
// one before (all 0 where none are counted). Where requests explain the level
// better than time does, they are the time: a leak by requests is a straight
// line in them, and memory that follows load is taken out. Nothing with too few
// floors or troughs.
std::optional<GrowthFit> FitGrowth(const Epoch& floors,
                                   const std::vector<double>& requests,
                                   double inflation);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_FIT_H_
