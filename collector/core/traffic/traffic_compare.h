// Two regions, or two versions, of a workload that leaks: how their rates
// compare in all, and how much of that their mix of requests explains. "3.1x in
// all, 1.0x per such request": the mix differs, not the code. The rates are of
// a process-hour, the figures at equal mix of the requests that leak, each with
// its interval (Fieller 1954). Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_COMPARE_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_COMPARE_H_

#include <string>
#include <vector>

#include "collector/core/traffic/traffic.h"

namespace plimsoll::collector {

// Ratio of two estimates with these variances, 95 % by Student's t; the upper
// end is infinite where the denominator may be zero.
Estimate RatioOf(double a, double b, double var_a, double var_b, double cov,
                 double dof);

// `groups[i]` is the region or version of processes[i]; the two are compared,
// processes of others are left out. `causes`: what was found for all of them
// together; empty: per request of any kind.
GroupComparison CompareGroups(const std::vector<TrafficSeries>& processes,
                              const std::vector<std::string>& groups,
                              const std::string& one, const std::string& other,
                              const std::vector<TrafficCause>& causes,
                              const TrafficThresholds& thresholds);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_COMPARE_H_
