// Bytes leaked per request of an attribute value or of a pair of them.
//
//   M_pt = a_p + d_p t + sum_j beta_j N_jpt + u_pt,   beta_j >= 0
//
// M is the level of what grows, N the cumulative requests with attribute j or
// the level of a gauge, and each process p has its own intercept and its own
// slope: growth that neither explains. u is white noise plus a random walk.
// leak-analysis 3.3 and 3.4; the parts are traffic_design.h, level_noise.h,
// traffic_fit.h, traffic_estimate.h, traffic_fine.h, traffic_checks.h and
// traffic_any.h. Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_H_

#include <vector>

#include "collector/core/history/request_counts.h"
#include "collector/core/incident/incident.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

// One process: bytes of what grows, cumulative requests by label set and levels
// of gauges by name (gauges.h), each in time order. `start_ns`: when it began
// to live, 0 where that is not known.
struct TrafficSeries {
  std::vector<Sample> bytes;
  RequestSeries requests;
  int64_t start_ns = 0;
  RequestSeries gauges{};
};

Traffic AttributeTraffic(const std::vector<TrafficSeries>& processes,
                         const TrafficThresholds& thresholds);

// The same causes' bytes per request in another signal of the same processes.
// False, and nothing is changed, where their intervals there are wide.
bool Restate(const std::vector<TrafficSeries>& processes,
             const TrafficThresholds& thresholds, Traffic& traffic);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_H_
