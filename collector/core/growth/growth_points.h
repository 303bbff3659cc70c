// The floors of a stretch of a life as they are fitted: on the axis that
// explains them best, less what follows load, and of a saw its troughs only.
// leak-analysis 2.3, steps 2 and 4. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_POINTS_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_POINTS_H_

#include <optional>
#include <vector>

#include "collector/core/stats/robust_slope.h"

namespace plimsoll::collector {

struct GrowthPoints {
  Epoch points;
  int resets = 0;               // of a saw
  double amplitude = 0;         // of it, above the troughs
  bool by_requests = false;     // the axis was requests, scaled to seconds
  bool load_taken_out = false;  // of the levels, by `taken_per_load`
  // Requests per second about each floor; empty where they are not counted.
  std::vector<double> load;
  double most_per_load = 0, taken_per_load = 0;  // bytes

  double window_s() const { return points.back().t_s - points.front().t_s; }
  bool is_saw() const;
};

// Of floors in time order, each with the requests that were served since the
// one before (all 0 where none are counted). Where requests explain the level
// better than time does, they are the time: a leak by requests is a straight
// line in them, and memory that follows load is taken out. Nothing with too few
// floors or troughs.
std::optional<GrowthPoints> PointsOf(const Epoch& floors,
                                     const std::vector<double>& requests);

// Sum of the squares that are left of a line through the points.
double SquaresAboutALine(const Epoch& points);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_POINTS_H_
