// Memory and requests of an incident's workload as the attribution wants them:
// which processes, over which time, and by which of their signals.
// leak-analysis 3.3 step 1: live bytes of what grows say far more than
// anonymous memory, which keeps what was freed.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_SOURCES_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_SOURCES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/core/incident/incident.h"
#include "collector/core/ports.h"
#include "collector/core/traffic/traffic.h"

namespace plimsoll::collector {

struct TrafficProcess {
  ProcessInfo info;
  bool leaking = false;
  // Its version is one that leaks, or none is told apart by its version.
  bool of_leaking_version = true;
  // Of the same service in another cluster: there to be compared by region.
  bool elsewhere = false;
  std::string instance;
  TrafficSeries series;  // its bytes are anonymous memory
};

// Over the incident's whole window, at most a day: its processes whose requests
// are counted, those of the workload that ended meanwhile, and those of the
// same service in other clusters. Where there are too many, as many of each
// region.
absl::StatusOr<std::vector<TrafficProcess>> ReadTrafficProcesses(
    const FleetReader& reader, const Incident& incident, int64_t now_ns);

struct TrafficSignal {
  std::string name;  // "live bytes of T", "live Python objects",
                     // "anonymous memory"
  std::vector<TrafficSeries> series;  // of each process, in order
};

// The best first; anonymous memory last, always. The others where most of the
// processes have them.
absl::StatusOr<std::vector<TrafficSignal>> ReadTrafficSignals(
    const FleetReader& reader, const Incident& incident,
    const std::vector<TrafficProcess>& processes, int64_t now_ns);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_SOURCES_H_
