// Reasons in words, made fit to be labels of metrics: few different ones, and
// never a PID, a path or a figure. The words themselves are in the API and the
// log. Pure values.
#ifndef PLIMSOLL_AGENT_CORE_REFUSAL_LABEL_H_
#define PLIMSOLL_AGENT_CORE_REFUSAL_LABEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace plimsoll::core {

inline constexpr size_t kMostRefusalLabels = 10;  // of one tier
inline constexpr char kOtherRefusals[] = "other";

// "the file at ... is gone", "process N was ended": from the first word with a
// slash to the last is "...", numbers but versions are "N", printable ASCII, at
// most 120 bytes. "no reason given" for none.
std::string RefusalLabel(std::string_view reason);

using RefusalCounts = std::map<std::string, int64_t>;  // by label

// The most frequent ones, and the sum of what is left as "other".
RefusalCounts BoundRefusals(const RefusalCounts& counts,
                            size_t most = kMostRefusalLabels);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_REFUSAL_LABEL_H_
