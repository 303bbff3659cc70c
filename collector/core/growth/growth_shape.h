// What would speak against a leak in the shape of growth: it ends, it bends
// down, it came in one step, it may be load. leak-analysis 2.3, steps 4 and 8.
// Each costs about as much as the slope itself and is found when it is asked
// for: most series fail at the first. All are 0 where nothing grows. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_SHAPE_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_SHAPE_H_

#include "collector/core/growth/growth_fit.h"

namespace plimsoll::collector {

// Slope of the last third over the whole, of the slowest third over it.
double LastThird(const GrowthFit& fit);
double LeastThird(const GrowthFit& fit);
// Second half over first half. `floors`: those that were fitted, over time.
double LateOverEarly(const GrowthFit& fit, const Epoch& floors);
// Of the rise: what goes with the largest jump.
double StepShare(const GrowthFit& fit);
// Of the slope: what load that rises meanwhile may be at the most; 0 where
// requests are not counted.
double LoadShare(const GrowthFit& fit, const Epoch& floors);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_SHAPE_H_
