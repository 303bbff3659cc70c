// The cause of an incident, from what its diagnosis holds: the shares of the
// growth, the types that grow and whether the cycle collector would look at
// them. Settled while the incident is pending: a page's identity must not
// change under it. Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_CAUSE_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_CAUSE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "collector/core/incident/incident.h"
#include "collector/core/ports.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

// Of the worst process, into Incident::collector_problem and collector_doubt
// (gc_figures.h). After the types.
absl::Status ReadCollector(const FleetReader& reader, int64_t now_ns,
                           Incident& incident);

// The extension module in C that the growing type is of, "" if it is of none,
// as far as names tell ("multidict._multidict"). Its objects may be held, or a
// reference to them may have been lost in C: counts alone do not tell.
std::string ExtensionModule(const Incident& incident);

// The cause by all that is known. By shares alone it is what the rule said that
// opened the incident.
Verdict RefinedCause(const Incident& incident,
                     const CauseThresholds& thresholds);

// Whether it would page by the imminent rule: not where what grows is surely
// free in an allocator.
bool IsAcuteLeak(Incident incident, const CauseThresholds& thresholds);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_CAUSE_H_
