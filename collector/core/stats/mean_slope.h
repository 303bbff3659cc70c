// Mean slope of a dirty series, weighted over time by a Hann window (Blackman
// and Tukey 1958): next to nothing of a saw of three teeth or more is in it,
// whatever their phase, where a median of slopes has that of the long side of
// the teeth. Linear in the values: the slopes of parts add up to that of their
// sum. No trend test, no interval. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_STATS_MEAN_SLOPE_H_
#define PLIMSOLL_COLLECTOR_CORE_STATS_MEAN_SLOPE_H_

#include <optional>
#include <vector>

#include "collector/core/fleet.h"

namespace plimsoll::collector {

// Per second, of samples in time order; nothing with fewer than four.
std::optional<double> MeanSlope(const std::vector<Sample>& samples);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_STATS_MEAN_SLOPE_H_
