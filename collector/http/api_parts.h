// Pieces that several answers of the API have in common. Private to
// collector/http.
#ifndef PLIMSOLL_COLLECTOR_HTTP_API_PARTS_H_
#define PLIMSOLL_COLLECTOR_HTTP_API_PARTS_H_

#include <cstdint>
#include <optional>

#include "collector/core/estimate.h"
#include "collector/core/fleet.h"
#include "collector/core/incident/incident.h"
#include "collector/core/text/json_writer.h"
#include "collector/http/api.h"

namespace plimsoll::collector::http {

// Unix seconds, to the millisecond.
double UnixSeconds(int64_t ns);

// Fields of an object that is open.
void WriteWorkloadName(const WorkloadName& name, JsonWriter* json);
void WriteProcessInfo(const ProcessInfo& info, JsonWriter* json);
void WriteWorkloadRow(const WorkloadRow& row, JsonWriter* json);
void WriteOptional(const char* key, const std::optional<double>& value,
                   JsonWriter* json);
// {"value", "lo", "hi"}, an infinite bound null; null where there is none.
void WriteEstimate(const char* key, const std::optional<Estimate>& estimate,
                   JsonWriter* json);

// An object: what a list of incidents shows of one.
void WriteIncidentRow(const Incident& incident, JsonWriter* json);
// An object: the causes of an incident's traffic line.
void WriteTraffic(const Incident& incident, JsonWriter* json);

}  // namespace plimsoll::collector::http

#endif  // PLIMSOLL_COLLECTOR_HTTP_API_PARTS_H_
