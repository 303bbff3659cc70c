// The bytes per request of what was found, from more looks than the search can
// afford: where memory drifts, each look more tells as much as the last one
// did, and few columns cost little. Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_FINE_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_FINE_H_

#include <optional>
#include <string>
#include <vector>

#include "collector/core/traffic/traffic_estimate.h"

namespace plimsoll::collector {

// `groups`: of each cause the names whose requests it counts, all of them in
// `design`, whose curve of age was found with `tau_s`. Nothing where there are
// no more looks than in `design`.
std::optional<TrafficEstimate> EstimateFinely(
    const std::vector<TrafficSeries>& processes, const TrafficDesign& design,
    double tau_s, const std::vector<std::vector<std::string>>& groups,
    const TrafficThresholds& thresholds);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_FINE_H_
