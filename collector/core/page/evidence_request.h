// Asks the agents of an incident's worst few processes and of one healthy
// sibling for a window, or where native memory is the cause to follow that, and
// keeps with the incident why that could not be. What it costs its process is
// bounded by the agent's governor, process by process.
#ifndef PLIMSOLL_COLLECTOR_CORE_PAGE_EVIDENCE_REQUEST_H_
#define PLIMSOLL_COLLECTOR_CORE_PAGE_EVIDENCE_REQUEST_H_

#include <cstdint>

#include "absl/status/status.h"
#include "collector/core/incident/incident.h"
#include "collector/core/ports.h"

namespace plimsoll::collector {

// At most three that leak: of different instances, and of different nodes where
// there are as many. `requester` may be null: no agent takes commands. The
// first error is returned; the others were asked.
absl::Status AskForEvidence(EvidenceRequester* requester, int64_t duration_ns,
                            int64_t now_ns, Incident& incident);

// Whether the best evidence is of a type that makes little of the growth: at
// its opening an incident may have ranked its types otherwise, and what was
// asked for then says nothing of where the leak is made.
bool IsBesideTheLeak(const Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_PAGE_EVIDENCE_REQUEST_H_
