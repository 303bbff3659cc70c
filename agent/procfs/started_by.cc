#include "agent/procfs/started_by.h"

#include "agent/procfs/read_file.h"

namespace plimsoll::procfs {
namespace {

// A shell, a script that it runs, a wrapper or two.
constexpr int kMostAncestors = 16;

// The pid, in the namespace of `pid`, of the ancestor whose parent is outside
// of it; 0 when that cannot be told.
int32_t FirstInNamespace(const ProcRoot& proc, int32_t pid, size_t depth) {
  int32_t inner = 0;
  for (int step = 0; step < kMostAncestors; ++step) {
    const auto status = proc.ReadStatus(pid);
    const auto stat = proc.ReadStat(pid);
    if (!status.ok() || !stat.ok()) return 0;
    if (status->ns_pids.size() < depth) return inner;
    inner = status->ns_pids.back();
    pid = stat->parent_pid;
    if (pid == 0) return inner;
  }
  return 0;
}

// Containers of a pod may share a namespace of pids: then the first process of
// each but one is not number 1, and nobody put it there by hand. The container
// of number 1 tells.
bool IsContainerOfFirst(const ProcRoot& proc, int32_t pid) {
  const auto mine = ReadFile(proc.PathOf(pid, "cgroup"));
  const auto first = ReadFileInRoot(proc.PathOf(pid, "root"), "/proc/1/cgroup");
  return mine.ok() && first.ok() && !mine->empty() && *mine == *first;
}

}  // namespace

std::string StartedBy(const ProcRoot& proc, int32_t pid) {
  const auto status = proc.ReadStatus(pid);
  const auto stat = proc.ReadStat(pid);
  if (!status.ok() || !stat.ok()) return "";
  const size_t depth = status->ns_pids.size();
  // In the reader's own namespace a terminal is enough.
  if (depth <= 1) return stat->terminal != 0 ? "terminal" : "";
  const int32_t first = FirstInNamespace(proc, pid, depth);
  return first > 1 && IsContainerOfFirst(proc, pid) ? "exec" : "";
}

}  // namespace plimsoll::procfs
