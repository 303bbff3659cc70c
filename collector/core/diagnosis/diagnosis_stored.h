// The parts of a diagnosis that are read from the store, one question each.
// Each returns the first error of the reader and fills in what it could.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_DIAGNOSIS_STORED_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_DIAGNOSIS_STORED_H_

#include <cstdint>

#include "absl/status/status.h"
#include "collector/core/incident/incident.h"
#include "collector/core/ports.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

// Growing types of the worst processes over the incident's window, where the
// last few censuses named none (a slow leak).
absl::Status ReadTypes(const FleetReader& reader, int64_t now_ns,
                       Incident& incident);
// Which part of the worst process' anonymous growth is live Python memory,
// free blocks of its allocator, and neither; with intervals. growth_shares.cc.
absl::Status ReadShares(const FleetReader& reader, int64_t now_ns,
                        Incident& incident);
absl::Status ReadCoverage(const FleetReader& reader, Incident& incident);
// What its agents were asked for since it was opened; names the problem, the
// worst process' first, when none of the windows brought anything.
absl::Status ReadRequests(const FleetReader& reader, Incident& incident);
// Stacks of the growing types, best first.
absl::Status ReadStacks(const FleetReader& reader, int64_t now_ns,
                        Incident& incident);
// Bytes per request, in all and by region.
absl::Status ReadTraffic(const FleetReader& reader,
                         const TrafficThresholds& thresholds, int64_t now_ns,
                         Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_DIAGNOSIS_STORED_H_
