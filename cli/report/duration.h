// Durations as people write them: "500ms", "60s", "10m", "2h", "1d", "1m30s".
// A bare number is refused, since its unit would be a guess ("0" is not).
// Pure; any thread.
#ifndef PLIMSOLL_CLI_REPORT_DURATION_H_
#define PLIMSOLL_CLI_REPORT_DURATION_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace plimsoll::cli {

// Nanoseconds, never negative. kInvalidArgument names the text and says how a
// duration is written; more than 30 days is refused too.
absl::StatusOr<int64_t> ParseDuration(std::string_view text);

// The shortest spelling people would use: "90 s", "5 m 30 s", "3 h", "0.5 s",
// "20 ms".
std::string FormatDuration(int64_t duration_ns);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_DURATION_H_
