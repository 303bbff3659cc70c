// ProcRoot reads processes from a /proc, the machine's own or one that a test
// built. It holds only the path, so any thread may call it. Every answer is of
// one moment: a process may end, exec or be replaced under its pid between two
// calls, which is why callers compare start_ticks.
//
// Errors: kNotFound the process is gone; kPermissionDenied; kInvalidArgument
// the kernel's text was not understood.
#ifndef PLIMSOLL_AGENT_PROCFS_PROC_ROOT_H_
#define PLIMSOLL_AGENT_PROCFS_PROC_ROOT_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/memory_sample.h"
#include "agent/core/ports.h"
#include "agent/procfs/cgroup_text.h"
#include "agent/procfs/proc_text.h"

namespace plimsoll::procfs {

class ProcRoot {
 public:
  explicit ProcRoot(std::string path = "/proc") : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  // Thread group leaders, in ascending order.
  absl::StatusOr<std::vector<int32_t>> ListPids() const;

  absl::StatusOr<ProcStat> ReadStat(int32_t pid) const;
  absl::StatusOr<ProcStatus> ReadStatus(int32_t pid) const;
  absl::StatusOr<std::vector<core::Mapping>> ReadMaps(int32_t pid) const;
  absl::StatusOr<std::vector<std::string>> ReadCmdline(int32_t pid) const;
  absl::StatusOr<std::map<std::string, std::string>> ReadEnviron(
      int32_t pid, const std::vector<std::string_view>& allowed) const;
  absl::StatusOr<CgroupMembership> ReadCgroup(int32_t pid) const;
  absl::StatusOr<std::string> ReadCwd(int32_t pid) const;
  // -1 when the directory may not be read.
  int32_t CountFds(int32_t pid) const;

  // Tier 0 without the cgroup. kNotFound when the pid now has another start
  // time: the process ended and its number was given away.
  absl::StatusOr<core::MemorySample> ReadMemory(int32_t pid,
                                                uint64_t start_ticks) const;

  absl::StatusOr<core::NodeSample> ReadNode() const;
  absl::StatusOr<std::string> ReadBootId() const;
  absl::StatusOr<std::vector<CgroupMount>> ReadCgroupMounts() const;

  std::string PathOf(int32_t pid, std::string_view name) const;
  // A path of the target's mount namespace, as seen from here.
  std::string InsideOf(int32_t pid, std::string_view path) const;

 private:
  std::string path_;
};

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_PROC_ROOT_H_
