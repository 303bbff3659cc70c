// Fills an incident with what is known now: affected processes, growing types,
// shares of the growth, stacks, traffic, regions, and the page's words.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_DIAGNOSIS_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_DIAGNOSIS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/core/growth/process_table.h"
#include "collector/core/incident/incident.h"
#include "collector/core/ports.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

// True when this trend shows growth now: the rule holds, or its slope's
// interval is above zero and above the effect floor.
bool IsGrowing(const ProcessTrend& trend, const Thresholds& thresholds);

// From the trends alone: processes, slope, time to limit, types, regions.
// Leaves the incident's former values where the trends say nothing.
// `elsewhere`: of the same service in other clusters, whose regions are
// compared and which count for nothing else.
void DiagnoseTrends(const std::vector<ProcessTrend>& trends,
                    const std::vector<ProcessTrend>& elsewhere,
                    const Thresholds& thresholds, int64_t now_ns,
                    Incident& incident);

// From the store: shares, coverage, stacks, traffic, per-request figures. The
// first error is returned; what could be read is filled in.
absl::Status DiagnoseStored(const FleetReader& reader,
                            const Thresholds& thresholds, int64_t now_ns,
                            Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_DIAGNOSIS_H_
