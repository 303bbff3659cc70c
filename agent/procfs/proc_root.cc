#include "agent/procfs/proc_root.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "agent/procfs/read_file.h"
#include "agent/procfs/text.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::procfs {
namespace {

constexpr size_t kMaxMapsBytes = 64 << 20;
constexpr size_t kMaxEnvironBytes = 4 << 20;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using UniqueDir = std::unique_ptr<DIR, CloseDir>;

}  // namespace

std::string ProcRoot::PathOf(int32_t pid, std::string_view name) const {
  return path_ + "/" + std::to_string(pid) + "/" + std::string(name);
}

std::string ProcRoot::InsideOf(int32_t pid, std::string_view path) const {
  return PathOf(pid, "root") + std::string(path);
}

absl::StatusOr<std::vector<int32_t>> ProcRoot::ListPids() const {
  UniqueDir dir(::opendir(path_.c_str()));
  if (!dir) return absl::ErrnoToStatus(errno, "list " + path_);
  std::vector<int32_t> pids;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (auto pid = ParseInt<int32_t>(entry->d_name); pid && *pid > 0) {
      pids.push_back(*pid);
    }
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

absl::StatusOr<ProcStat> ProcRoot::ReadStat(int32_t pid) const {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string text, ReadFile(PathOf(pid, "stat")));
  return ParseStat(text);
}

absl::StatusOr<ProcStatus> ProcRoot::ReadStatus(int32_t pid) const {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string text, ReadFile(PathOf(pid, "status")));
  return ParseStatus(text);
}

absl::StatusOr<std::vector<core::Mapping>> ProcRoot::ReadMaps(
    int32_t pid) const {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string text,
                            ReadFile(PathOf(pid, "maps"), kMaxMapsBytes));
  return ParseMaps(text);
}

absl::StatusOr<std::vector<std::string>> ProcRoot::ReadCmdline(
    int32_t pid) const {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string text,
                            ReadFile(PathOf(pid, "cmdline"), kMaxEnvironBytes));
  return ParseCmdline(text);
}

absl::StatusOr<std::map<std::string, std::string>> ProcRoot::ReadEnviron(
    int32_t pid, const std::vector<std::string_view>& allowed) const {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string text,
                            ReadFile(PathOf(pid, "environ"), kMaxEnvironBytes));
  return ParseEnviron(text, allowed);
}

absl::StatusOr<CgroupMembership> ProcRoot::ReadCgroup(int32_t pid) const {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string text, ReadFile(PathOf(pid, "cgroup")));
  return ParseCgroupMembership(text);
}

absl::StatusOr<std::string> ProcRoot::ReadCwd(int32_t pid) const {
  std::string path = PathOf(pid, "cwd");
  char target[PATH_MAX];
  ssize_t length = ::readlink(path.c_str(), target, sizeof(target));
  if (length < 0) return absl::ErrnoToStatus(errno, "readlink " + path);
  return std::string(target, static_cast<size_t>(length));
}

int32_t ProcRoot::CountFds(int32_t pid) const {
  std::string path = PathOf(pid, "fd");
  struct stat status {};
  // Since 6.2 the directory's size is the count, which saves a walk of what
  // may be a hundred thousand sockets.
  if (::stat(path.c_str(), &status) == 0 && status.st_size > 0 &&
      path_ == "/proc") {
    return static_cast<int32_t>(std::min<int64_t>(status.st_size, INT32_MAX));
  }
  UniqueDir dir(::opendir(path.c_str()));
  if (!dir) return -1;
  int32_t count = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    count += entry->d_name[0] != '.';
  }
  return count;
}

absl::StatusOr<core::MemorySample> ProcRoot::ReadMemory(
    int32_t pid, uint64_t start_ticks) const {
  PLIMSOLL_ASSIGN_OR_RETURN(ProcStatus status, ReadStatus(pid));
  // After the sizes: had the pid been given away in between, this shows it.
  PLIMSOLL_ASSIGN_OR_RETURN(ProcStat stat, ReadStat(pid));
  if (stat.start_ticks != start_ticks || stat.state == 'Z' ||
      stat.state == 'X') {
    return absl::NotFoundError("process " + std::to_string(pid) + " has ended");
  }
  core::MemorySample sample;
  sample.anon_bytes = status.rss_anon_bytes;
  sample.file_bytes = status.rss_file_bytes;
  sample.shmem_bytes = status.rss_shmem_bytes;
  sample.rss_bytes =
      status.rss_anon_bytes + status.rss_file_bytes + status.rss_shmem_bytes;
  sample.swap_bytes = status.swap_bytes;
  sample.threads = status.threads;
  sample.open_fds = CountFds(pid);
  sample.minor_faults = stat.minor_faults;
  sample.major_faults = stat.major_faults;
  return sample;
}

absl::StatusOr<core::NodeSample> ProcRoot::ReadNode() const {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string text, ReadFile(path_ + "/meminfo"));
  PLIMSOLL_ASSIGN_OR_RETURN(core::NodeSample node, ParseMeminfo(text));
  // Kernels before 4.13 have no such line, and then the count stays 0.
  if (auto vmstat = ReadFile(path_ + "/vmstat"); vmstat.ok()) {
    node.oom_kills = ParseVmstatOomKills(*vmstat).value_or(0);
  }
  return node;
}

absl::StatusOr<std::string> ProcRoot::ReadBootId() const {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string text,
                            ReadFile(path_ + "/sys/kernel/random/boot_id"));
  return std::string(StripBlanks(text));
}

absl::StatusOr<std::vector<CgroupMount>> ProcRoot::ReadCgroupMounts() const {
  PLIMSOLL_ASSIGN_OR_RETURN(
      std::string text, ReadFile(path_ + "/self/mountinfo", kMaxEnvironBytes));
  return ParseCgroupMounts(text);
}

}  // namespace plimsoll::procfs
