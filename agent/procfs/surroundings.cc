#include "agent/procfs/surroundings.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/procfs/cgroup_text.h"
#include "agent/procfs/read_file.h"
#include "agent/procfs/text.h"

namespace plimsoll::procfs {
namespace {

// include/linux/proc_ns.h: PROC_PID_INIT_INO, the inode of the namespace that
// the kernel starts with.
constexpr ino_t kInitialPidNamespace = 0xEFFFFFFC;

std::string ReadOr(const std::string& path) {
  auto text = ReadFile(path);
  return text.ok() ? *text : std::string();
}

std::optional<int> ReadNumber(const std::string& path) {
  return ParseInt<int>(StripBlanks(ReadOr(path)));
}

void ReadStatusOf(const std::string& text, core::Surroundings& out) {
  std::string_view rest = text;
  std::string_view line;
  while (NextLine(rest, line)) {
    const std::string_view key = NextUntil(line, ':');
    const std::string_view value = StripBlanks(line);
    if (key == "CapEff") {
      out.capabilities = ParseInt<uint64_t>(value, 16).value_or(0);
    } else if (key == "NoNewPrivs") {
      out.no_new_privileges = value == "1";
    } else if (key == "Seccomp") {
      out.seccomp_mode = ParseInt<int>(value).value_or(0);
    }
  }
}

// AppArmor's own file where several security modules share attr/current.
std::string ReadLabel(const std::string& self) {
  for (const char* name : {"/attr/apparmor/current", "/attr/current"}) {
    std::string label = ReadOr(self + name);
    // SELinux ends its context with a NUL.
    std::replace(label.begin(), label.end(), '\0', '\n');
    const std::string_view text = StripBlanks(label);
    if (!text.empty()) return std::string(text.substr(0, 256));
  }
  return "";
}

void ReadMounts(const std::string& mountinfo, core::Surroundings& out) {
  if (auto mounts = ParseCgroupMounts(mountinfo); mounts.ok()) {
    for (const CgroupMount& mount : *mounts) {
      if (mount.version == 1) out.cgroup_v1 = true;
      if (mount.version != 2) continue;
      const std::string controllers =
          ReadOr(mount.mount_point + "/cgroup.controllers");
      std::string_view rest = StripBlanks(controllers);
      while (!rest.empty()) {
        if (NextField(rest) == "memory") out.cgroup_v2 = true;
      }
    }
  }
  out.tracefs = mountinfo.find(" - tracefs ") != std::string::npos;
}

}  // namespace

std::string ParseLockdown(std::string_view text) {
  const size_t open = text.find('[');
  const size_t close = text.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos ||
      close < open) {
    return "";
  }
  return std::string(text.substr(open + 1, close - open - 1));
}

core::Surroundings ReadSurroundings(const std::string& proc,
                                    const std::string& sys) {
  core::Surroundings out;
  const std::string self = proc + "/self";
  const std::string kernel = proc + "/sys/kernel/";
  ReadStatusOf(ReadOr(self + "/status"), out);
  out.security_label = ReadLabel(self);
  out.yama_scope = ReadNumber(kernel + "yama/ptrace_scope");
  out.perf_event_paranoid = ReadNumber(kernel + "perf_event_paranoid");
  out.unprivileged_bpf_disabled =
      ReadNumber(kernel + "unprivileged_bpf_disabled");
  out.lockdown = ParseLockdown(ReadOr(sys + "/kernel/security/lockdown"));
  out.btf = ::access((sys + "/kernel/btf/vmlinux").c_str(), R_OK) == 0;
  struct stat space = {};
  if (::stat((self + "/ns/pid").c_str(), &space) == 0) {
    out.host_pid_namespace = space.st_ino == kInitialPidNamespace;
  }
  constexpr size_t kMaxMountBytes = 4 << 20;
  if (auto mounts = ReadFile(self + "/mountinfo", kMaxMountBytes);
      mounts.ok()) {
    ReadMounts(*mounts, out);
  }
  return out;
}

}  // namespace plimsoll::procfs
