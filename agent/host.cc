#include "agent/host.h"

#include <sys/random.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "agent/procfs/proc_root.h"
#include "agent/procfs/read_file.h"
#include "agent/procfs/text.h"

namespace plimsoll::agent {
namespace {

constexpr int kCapSysPtrace = 19;  // linux/capability.h

int64_t ToNs(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

int64_t ToNs(const timeval& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 +
         time.tv_usec * 1'000;
}

int64_t Now(clockid_t clock) {
  timespec now{};
  return ::clock_gettime(clock, &now) == 0 ? ToNs(now) : 0;
}

int64_t UsageNs(int who) {
  rusage usage{};
  if (::getrusage(who, &usage) != 0) return 0;
  return ToNs(usage.ru_utime) + ToNs(usage.ru_stime);
}

}  // namespace

int64_t SystemClock::BoottimeNs() const { return Now(CLOCK_BOOTTIME); }

int64_t SystemClock::WallOffsetNs() const {
  return Now(CLOCK_REALTIME) - Now(CLOCK_BOOTTIME);
}

absl::Status CheckPermissions() {
  auto status = procfs::ReadFile("/proc/self/status");
  if (!status.ok()) return status.status();
  std::string_view rest = *status;
  std::string_view line;
  while (procfs::NextLine(rest, line)) {
    if (!line.starts_with("CapEff:")) continue;
    auto bits =
        procfs::ParseInt<uint64_t>(procfs::StripBlanks(line.substr(7)), 16);
    if (bits && ((*bits >> kCapSysPtrace) & 1) != 0) return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      "CAP_SYS_PTRACE is missing: without it the memory of other processes "
      "cannot be read. Run as root, or grant it: setcap "
      "cap_sys_ptrace,cap_dac_read_search,cap_bpf,cap_perfmon+ep on "
      "plimsoll-agent and plimsoll-inspector");
}

int64_t CpuNs(int32_t child_pid) {
  int64_t total = UsageNs(RUSAGE_SELF) + UsageNs(RUSAGE_CHILDREN);
  clockid_t clock{};
  if (child_pid > 0 && ::clock_getcpuclockid(child_pid, &clock) == 0) {
    total += Now(clock);
  }
  return total;
}

int64_t RssBytes(int32_t child_pid) {
  procfs::ProcRoot proc;
  int64_t total = 0;
  for (int32_t pid : {static_cast<int32_t>(::getpid()), child_pid}) {
    if (pid <= 0) continue;
    if (auto status = proc.ReadStatus(pid); status.ok()) {
      total += status->rss_anon_bytes + status->rss_file_bytes +
               status->rss_shmem_bytes;
    }
  }
  return total;
}

std::string HostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

std::string KernelRelease() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "unknown";
}

std::string RandomHex(int digits) {
  std::string hex;
  while (static_cast<int>(hex.size()) < digits) {
    uint8_t byte = 0;
    if (::getrandom(&byte, 1, 0) != 1) continue;
    hex.push_back("0123456789abcdef"[byte & 15]);
  }
  return hex;
}

absl::StatusOr<std::string> LoadAgentId(const std::string& state_dir) {
  std::error_code error;
  std::filesystem::create_directories(state_dir, error);
  if (error) {
    return absl::ErrnoToStatus(
        error.value(),
        "state_dir must be a directory that can be written: " + state_dir);
  }
  std::string path = state_dir + "/agent_id";
  if (auto text = procfs::ReadFile(path); text.ok()) {
    std::string id(procfs::StripBlanks(*text));
    if (!id.empty() && id.size() <= 128) return id;
  }
  std::string id = HostName() + "-" + RandomHex(8);
  errno = 0;
  std::ofstream file(path, std::ios::trunc);
  file << id << "\n";
  file.close();
  if (!file) {
    return absl::ErrnoToStatus(errno != 0 ? errno : EIO,
                               "state_dir must be a directory that can be "
                               "written: " +
                                   path);
  }
  return id;
}

}  // namespace plimsoll::agent
