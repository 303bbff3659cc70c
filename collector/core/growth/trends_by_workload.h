// The trends of a tick, by workload. Plain values of the analysis thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_TRENDS_BY_WORKLOAD_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_TRENDS_BY_WORKLOAD_H_

#include <map>
#include <vector>

#include "collector/core/growth/process_table.h"

namespace plimsoll::collector {

using TrendsByWorkload = std::map<WorkloadName, std::vector<ProcessTrend>>;

// Empty where there are none.
const std::vector<ProcessTrend>& Of(const TrendsByWorkload& trends,
                                    const WorkloadName& workload);

// The same service in other clusters.
std::vector<ProcessTrend> Elsewhere(const TrendsByWorkload& trends,
                                    const WorkloadName& workload);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_TRENDS_BY_WORKLOAD_H_
