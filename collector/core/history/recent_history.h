// The last minutes of every live process as observations again, for an engine
// that has just started: a restart of the collector must not make a leak wait
// for another watch. Request totals are not repeated.
#ifndef PLIMSOLL_COLLECTOR_CORE_HISTORY_RECENT_HISTORY_H_
#define PLIMSOLL_COLLECTOR_CORE_HISTORY_RECENT_HISTORY_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "collector/core/fleet.h"
#include "collector/core/observation.h"
#include "collector/core/ports.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

// Calls `observe` in time order for each process. Types are read only of
// processes that grew, as each is a series of its own. The first error is
// returned; the other processes were read.
absl::Status ReplayRecent(
    const FleetReader& reader, const ImminentThresholds& thresholds,
    int64_t now_ns,
    const std::function<void(const ProcessInfo&, const Observation&)>& observe);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_HISTORY_RECENT_HISTORY_H_
