// What of the growth of a life may be healthy, by what other lives of its
// workload gained: over the same time (load), or at the same age (what fills).
// And what a fill may be at the most where no life tells. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_HEALTHY_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_HEALTHY_H_

#include <optional>

#include "collector/core/estimate.h"
#include "collector/core/growth/judged_life.h"

namespace plimsoll::collector {

struct HealthyGrowth {
  // Over the same time; else at the same age.
  std::optional<Estimate> gained;
  // Lives were seen at that age, so that what fills is in `gained`.
  bool at_this_age = false;
};

// Of a life that gains `rate` over its last `window_s`. Bytes per second.
HealthyGrowth HealthyGrowthOf(const JudgedLife& c, double rate,
                              double window_s);

// The pace of the slowest of those that are past the age of fills and grow too.
std::optional<double> GrownUpPace(const JudgedLife& c, double rate,
                                  double window_s);

// The most that what fills can gain now, where no other life tells: it takes no
// more than a share of the room (JudgementThresholds) and is never faster than
// it was on the mean of its life.
double FastestFill(const JudgedLife& c);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_HEALTHY_H_
