// Whether a trend can be significant at all, found by counting the pairs that
// rise: a bound that spares most series the slope, its errors and its shape,
// which cost most of a judgement. What it turns down could not have been
// claimed, by itself or with its siblings. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_SCREEN_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_SCREEN_H_

#include "collector/core/stats/robust_slope.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

// The share of trendless series whose z is this or more.
double ChanceOf(double z);

// Whatever their slope and autocorrelation are: the z of these points is below
// the bar of the trend test and of the false discovery rate.
bool CannotBeSure(const Epoch& points, const JudgementThresholds& thresholds);

// The median of the slopes of their pairs is below `slope` (above 0). False
// where that is too close to tell.
bool IsSlowerThan(const Epoch& points, double slope);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_SCREEN_H_
