// Parsers of /proc/PID/cgroup, /proc/PID/mountinfo and of the memory files of
// cgroup v1 and v2. Text in, values out; no I/O; any thread. Formats:
// cgroups(7), proc(5), Documentation/admin-guide/cgroup-v{1,2}.
#ifndef PLIMSOLL_AGENT_PROCFS_CGROUP_TEXT_H_
#define PLIMSOLL_AGENT_PROCFS_CGROUP_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace plimsoll::procfs {

// Which hierarchy accounts the memory of a process, and where it is in it.
struct CgroupMembership {
  int version = 0;   // of the hierarchy with the memory controller; 0: neither
  std::string path;  // in it; may begin "/../" from another cgroup namespace
  // The path that names pod, container or unit best: of any hierarchy.
  std::string name_path;
};

absl::StatusOr<CgroupMembership> ParseCgroupMembership(std::string_view text);

// Where a hierarchy is mounted.
struct CgroupMount {
  int version = 0;
  std::string root;  // path in the hierarchy that the mount shows
  std::string mount_point;
};

// Mounts of cgroup2, and of the v1 memory controller.
absl::StatusOr<std::vector<CgroupMount>> ParseCgroupMounts(
    std::string_view mountinfo);

// memory.max, memory.limit_in_bytes: nullopt inside where no limit is set:
// "max", or v1's huge number (LONG_MAX rounded down to a page).
absl::StatusOr<std::optional<int64_t>> ParseMemoryLimit(std::string_view text);

// One counter of a "key value" file: memory.stat, memory.events,
// memory.oom_control.
std::optional<int64_t> FindCounter(std::string_view text, std::string_view key);

// Names that a path carries; "" each where there is none.
struct CgroupNames {
  std::string pod_uid;       // 8712f785-1a3e-41ec-a00b-e2dcc77431cb
  std::string container_id;  // 64 hex digits, or ECS' 32 and a number
  std::string unit;          // innermost .service or .scope of systemd
};
CgroupNames ParseCgroupNames(std::string_view path);

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_CGROUP_TEXT_H_
