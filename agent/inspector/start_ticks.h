// When a process started, which tells it from the next owner of its pid.
#ifndef PLIMSOLL_AGENT_INSPECTOR_START_TICKS_H_
#define PLIMSOLL_AGENT_INSPECTOR_START_TICKS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace plimsoll::inspector {

// Field 22 of /proc/PID/stat (proc(5)); the program's name in it may hold
// blanks and parentheses. Pure.
std::optional<uint64_t> ParseStartTicks(std::string_view stat);

// kNotFound when there is no such process.
absl::StatusOr<uint64_t> ReadStartTicks(std::string_view proc_root,
                                        int32_t pid);

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_START_TICKS_H_
