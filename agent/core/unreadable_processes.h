// Processes whose Python cannot be read, by reason, and how the log says it.
// Pure values.
#ifndef PLIMSOLL_AGENT_CORE_UNREADABLE_PROCESSES_H_
#define PLIMSOLL_AGENT_CORE_UNREADABLE_PROCESSES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace plimsoll::core {

// PIDs by reason.
using UnreadableProcesses = std::map<std::string, std::vector<int32_t>>;

// "; 3 cannot be read: 2 CPython 2.7 is not supported (PID 12, 40); 1 ..."; ""
// for none. The first few PIDs of each reason, so that a user can look at one.
inline std::string DescribeUnreadable(const UnreadableProcesses& unreadable) {
  constexpr size_t kNamed = 3;
  size_t hidden = 0;
  std::string reasons;
  for (const auto& [reason, pids] : unreadable) {
    hidden += pids.size();
    reasons += reasons.empty() ? "" : "; ";
    reasons += std::to_string(pids.size()) + " " + reason + " (PID ";
    for (size_t i = 0; i < pids.size() && i < kNamed; ++i) {
      reasons += (i > 0 ? ", " : "") + std::to_string(pids[i]);
    }
    reasons += pids.size() > kNamed ? ", ...)" : ")";
  }
  if (hidden == 0) return "";
  return "; " + std::to_string(hidden) + " cannot be read: " + reasons;
}

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_UNREADABLE_PROCESSES_H_
