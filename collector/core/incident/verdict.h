// The cause classes, by the names that people script against.
#ifndef PLIMSOLL_COLLECTOR_CORE_INCIDENT_VERDICT_H_
#define PLIMSOLL_COLLECTOR_CORE_INCIDENT_VERDICT_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace plimsoll::collector {

enum class Verdict : uint8_t {
  kUnknown,
  kNone,
  kPythonObject,
  kUnreachable,
  kLostReference,
  kNative,
  kFragmentation,
  kHighWater,
  kWarmUp,
  kLoad,
  kMixed,
  kLeak,  // no signals of the agent: the first four are one
};

std::string_view ToString(Verdict verdict);
std::optional<Verdict> ParseVerdict(std::string_view name);

// Pages wake people; tickets wait for the morning; the rest is shown only.
bool MayPage(Verdict verdict);
bool MayTicket(Verdict verdict);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INCIDENT_VERDICT_H_
