// "90s", "10m", "2h", "7d" as nanoseconds. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_TEXT_DURATION_H_
#define PLIMSOLL_COLLECTOR_CORE_TEXT_DURATION_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace plimsoll::collector {

// Nothing for what is none, is not positive, or is longer than a century.
std::optional<int64_t> ParseDurationNs(std::string_view text);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TEXT_DURATION_H_
