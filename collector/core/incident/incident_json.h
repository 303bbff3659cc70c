// Incidents as JSON: what IncidentRecord::json holds and the API serves.
// Infinite bounds are null. Decode treats its input as foreign: what does not
// parse, a wrong type, or a missing id, workload, state or cause is
// InvalidArgument in words; other missing fields (an older version's record)
// keep their defaults and unknown ones are passed over. Strings that are no
// UTF-8 are written with replacement characters.
#ifndef PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_JSON_H_
#define PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "collector/core/incident/incident.h"
#include "collector/core/incident/incident_ports.h"

namespace plimsoll::collector {

std::string EncodeIncident(const Incident& incident);
absl::StatusOr<Incident> DecodeIncident(std::string_view text);

IncidentRecord ToRecord(const Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_JSON_H_
