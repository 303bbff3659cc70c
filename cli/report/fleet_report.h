// The collector's answers as people read them. Pure: the body of an HTTP
// answer in, text or JSON out. The body is foreign: what is missing or of
// another type is left out, and one that is not an object is an error.
#ifndef PLIMSOLL_CLI_REPORT_FLEET_REPORT_H_
#define PLIMSOLL_CLI_REPORT_FLEET_REPORT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/report/table.h"

namespace plimsoll::cli {

// Of GET /api/v1/incidents and /api/v1/workloads. `now_unix_ns` gives ages;
// without `all` those are left out that were resolved over a day ago.
absl::StatusOr<std::string> RenderIncidents(std::string_view body,
                                            int64_t now_unix_ns, bool all,
                                            const Style& style);
absl::StatusOr<std::string> RenderWorkloads(std::string_view body,
                                            const Style& style);

// The same document, with the keys that every answer of the command has.
absl::StatusOr<std::string> FleetJson(std::string_view verb,
                                      std::string_view body);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_FLEET_REPORT_H_
