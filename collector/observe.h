// A stored snapshot as the analysis wants to hear of it. Pure.
#ifndef PLIMSOLL_COLLECTOR_OBSERVE_H_
#define PLIMSOLL_COLLECTOR_OBSERVE_H_

#include <cstdint>

#include "collector/core/ingest/node_batch.h"
#include "collector/core/observation.h"

namespace plimsoll::collector {

Observation Observe(const NodeSnapshot& snapshot, int64_t time_ns);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_OBSERVE_H_
