// Why an incident is over, in words with figures: fixed in a version, restarted
// only, the traffic stopped; or what the lifecycle saw, where none of those can
// be shown.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_RESOLUTION_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_RESOLUTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "collector/core/growth/process_table.h"
#include "collector/core/incident/incident.h"
#include "collector/core/ports.h"

namespace plimsoll::collector {

// `seen` is the lifecycle's own reason; it opens the text. `trends` are those
// of the incident's workload now.
std::string WhyResolved(const Incident& incident,
                        const std::vector<ProcessTrend>& trends,
                        const FleetReader& reader, int64_t now_ns,
                        const std::string& seen);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_RESOLUTION_H_
