// Parsers of /proc/PID/{stat,status,maps,cmdline,environ} and of the node's
// meminfo and vmstat. Text in, values out; no I/O; any thread. Formats: proc(5)
// and Documentation/filesystems/proc.rst of the kernel. A malformed text is
// kInvalidArgument that names the file and what was wrong.
#ifndef PLIMSOLL_AGENT_PROCFS_PROC_TEXT_H_
#define PLIMSOLL_AGENT_PROCFS_PROC_TEXT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/memory_sample.h"
#include "agent/core/ports.h"

namespace plimsoll::procfs {

struct ProcStat {
  std::string comm;
  char state = '?';
  int32_t parent_pid = 0;
  int32_t terminal = 0;  // device number of its terminal; 0: none
  int64_t minor_faults = 0;
  int64_t major_faults = 0;
  int64_t cpu_ticks = 0;  // utime + stime, USER_HZ
  int32_t threads = 0;
  uint64_t start_ticks = 0;
  // Fields 26 and 28: both are drawn anew by exec and kept by all else, so
  // that the pair tells the images of one process apart. 0 without the right
  // to ptrace the process.
  uint64_t start_code = 0;
  uint64_t start_stack = 0;
};

struct ProcStatus {
  int64_t rss_anon_bytes = 0;
  int64_t rss_file_bytes = 0;
  int64_t rss_shmem_bytes = 0;
  int64_t swap_bytes = 0;
  int32_t threads = 0;
  bool kernel_thread = false;  // has no memory of its own
  // From the reader's namespace inwards; the last is the process' own view.
  std::vector<int32_t> ns_pids;
};

// Robust to a comm that holds blanks, newlines and ") ".
absl::StatusOr<ProcStat> ParseStat(std::string_view text);
absl::StatusOr<ProcStatus> ParseStatus(std::string_view text);
absl::StatusOr<std::vector<core::Mapping>> ParseMaps(std::string_view text);

// Arguments as the process shows them. At most 64 of at most 4 KiB each.
std::vector<std::string> ParseCmdline(std::string_view text);

// Only the variables in `allowed`; the rest of an environment holds secrets
// and is not even copied. The first of two equal names wins, as in getenv().
std::map<std::string, std::string> ParseEnviron(
    std::string_view text, const std::vector<std::string_view>& allowed);

absl::StatusOr<core::NodeSample> ParseMeminfo(std::string_view text);
// oom_kill since boot (kernel >= 4.13); nullopt when the kernel has no such
// line.
std::optional<int64_t> ParseVmstatOomKills(std::string_view text);

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_PROC_TEXT_H_
