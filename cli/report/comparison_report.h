// A comparison as people read it. Pure: the body of GET /api/v1/compare in,
// text out. The body is foreign.
#ifndef PLIMSOLL_CLI_REPORT_COMPARISON_REPORT_H_
#define PLIMSOLL_CLI_REPORT_COMPARISON_REPORT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/report/table.h"

namespace plimsoll::cli {

absl::StatusOr<std::string> RenderComparison(std::string_view body,
                                             const Style& style);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_COMPARISON_REPORT_H_
