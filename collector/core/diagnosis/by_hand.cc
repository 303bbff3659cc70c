#include "collector/core/diagnosis/by_hand.h"

#include <string_view>

namespace plimsoll::collector {
namespace {

// The path's part that begins with `begin` and ends with `end`, without `end`.
std::string_view PartOf(std::string_view path, std::string_view begin,
                        std::string_view end) {
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.size() > begin.size() + end.size() && part.starts_with(begin) &&
        part.ends_with(end)) {
      return part.substr(0, part.size() - end.size());
    }
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return "";
}

bool IsManagement(std::string_view command) {
  return command.find("manage.py") != std::string_view::npos ||
         command.find("django-admin") != std::string_view::npos;
}

// Those whose pods run a command of their own to its end.
bool RunsJobs(std::string_view kind) {
  return kind == "Job" || kind == "CronJob" || kind.empty();
}

}  // namespace

std::string StartedByHand(const ProcessInfo& process) {
  // As the agent says it where nothing but its command names a workload.
  if (process.workload.kind == "terminal") return "on a terminal";
  if (process.workload.kind == "exec") return "inside a running container";
  const std::string_view session = PartOf(process.cgroup, "session-", ".scope");
  if (!session.empty()) {
    return "from a login session (" + std::string(session) + ")";
  }
  if (!PartOf(process.cgroup, "user@", ".service").empty()) {
    return "from a user's session (" +
           std::string(PartOf(process.cgroup, "user@", ".service")) + ")";
  }
  if (IsManagement(process.command)) {
    if (process.pod.empty()) return "as manage.py outside of any service";
    if (!RunsJobs(process.workload.kind)) {
      return "as manage.py in a pod of a " + process.workload.kind +
             ", as by kubectl exec";
    }
  }
  return "";
}

}  // namespace plimsoll::collector
