// Who else is on the node, where the node's memory is the limit: then a process
// that grows takes others with it, and which one it is must be plain among
// them. Owns nothing; the analysis thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_NEIGHBOURS_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_NEIGHBOURS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "collector/core/incident/incident.h"
#include "collector/core/ports.h"

namespace plimsoll::collector {

// Fills Incident::neighbours, largest first, the worst process among them,
// node_loses_bytes_per_s, by which it mends time_to_limit, and time_to_swap;
// empties them where a limit is set. The first error of the reader is returned.
absl::Status ReadNeighbours(const FleetReader& reader, int64_t now_ns,
                            Incident& incident);

// "the largest of 14 Python processes there: 381 MiB (then gateway 120 MiB,
// orders 90.1 MiB)"; "" when there is nothing to say.
std::string NeighbourWords(const Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_NEIGHBOURS_H_
