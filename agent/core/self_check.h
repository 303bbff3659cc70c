// What an agent may do on this machine: what was tried, with what success, and
// what the surroundings (capabilities, seccomp, AppArmor, Yama, lockdown) say
// of a failure. Judge() turns that into one row for each tier, with the remedy
// in words. Pure; any thread.
//
// A failure is what a trial returned, never a guess from a version; only the
// remedy is chosen by the surroundings. Rules: capabilities(7), ptrace(2),
// Documentation/admin-guide/LSM/Yama.rst, kernel_lockdown(7).
#ifndef PLIMSOLL_AGENT_CORE_SELF_CHECK_H_
#define PLIMSOLL_AGENT_CORE_SELF_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace plimsoll::core {

// Bits of linux/capability.h.
enum class Capability : uint8_t {
  kDacOverride = 1,
  kDacReadSearch = 2,
  kSysPtrace = 19,
  kSysAdmin = 21,
  kPerfmon = 38,
  kBpf = 39,
  kCheckpointRestore = 40,
};
const char* CapabilityName(Capability capability);  // "CAP_BPF"

// The five that the agent uses.
inline constexpr Capability kUsedCapabilities[] = {
    Capability::kBpf, Capability::kPerfmon, Capability::kSysPtrace,
    Capability::kDacReadSearch, Capability::kCheckpointRestore};

// nullopt or "": this kernel has no such thing, or does not say.
struct Surroundings {
  std::string kernel;         // uname -r
  uint64_t capabilities = 0;  // effective
  bool no_new_privileges = false;
  int seccomp_mode = 0;        // 0 none, 1 strict, 2 a filter
  std::string security_label;  // AppArmor's profile or SELinux' context
  std::optional<int> yama_scope;
  std::string lockdown;  // "none", "integrity", "confidentiality"
  std::optional<int> perf_event_paranoid;
  std::optional<int> unprivileged_bpf_disabled;
  bool btf = false;      // /sys/kernel/btf/vmlinux can be read
  bool tracefs = false;  // mounted somewhere here
  bool host_pid_namespace = true;
  bool cgroup_v1 = false;  // a memory controller is mounted
  bool cgroup_v2 = false;

  bool Has(Capability capability) const {
    return ((capabilities >> static_cast<int>(capability)) & 1) != 0;
  }
};

// What was tried. OK: it worked.
struct Trials {
  absl::Status read_process;  // /proc/PID/maps of a process that is protected
  absl::Status read_memory;   // process_vm_readv of it
  absl::Status mapped_files;  // /proc/PID/map_files of it
  absl::Status closed_files;  // a file that only CAP_DAC_* opens
  absl::Status cgroup_limits;
  absl::Status inspector;  // the sandboxed parser started and answered
  absl::Status load_bpf;
  absl::Status uprobes;  // one of our own functions was probed and hit
  absl::Status gc_probe;
  absl::Status windows;
  absl::Status births;  // a word of our own was watched, and the write seen
  absl::Status page_faults;
  absl::Status native;
  absl::Status lifecycle;
  std::string uprobe_rung;  // "uprobe_multi", "tracefs", "perf"; "": none
};

struct TierCheck {
  std::string tier;  // "memory", "gc", ... as in `plimsoll ps`
  std::string what;  // what it is, for people
  bool works = false;
  std::string how;     // when it works, where that may differ: the rung
  std::string reason;  // when it does not: what was refused
  std::string remedy;  // and what to do
};

struct SelfCheck {
  std::vector<TierCheck> tiers;
  // What is odd though every trial may have worked.
  std::vector<std::string> notes;
  bool all_work() const;
};

SelfCheck Judge(const Surroundings& surroundings, const Trials& trials);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_SELF_CHECK_H_
