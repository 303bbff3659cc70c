#include "agent/core/self_check.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/core/load_refusal.h"

namespace plimsoll::core {
namespace {

constexpr int kYamaNoAttach = 3;

// What an agent must be given beyond a capability: a profile is told by name.
bool IsConfined(const std::string& label) {
  return !label.empty() && label != "unconfined" &&
         !absl::StrContains(label, "unconfined_t") &&
         !absl::StrContains(label, "spc_t") &&
         !absl::EndsWith(label, "(complain)");
}

// "grant CAP_A and CAP_B", for those that are missing; "" when none is.
std::string Grant(const Surroundings& s, std::vector<Capability> needed) {
  std::vector<std::string> missing;
  for (const Capability capability : needed) {
    if (!s.Has(capability)) missing.emplace_back(CapabilityName(capability));
  }
  if (missing.empty()) return "";
  return absl::StrCat("grant ", absl::StrJoin(missing, " and "),
                      " (root has them; the chart: agent.security.capabilities;"
                      " else setcap on plimsoll-agent and plimsoll-inspector)");
}

// What remains once every capability is there.
std::string LiftProfiles(const Surroundings& s, std::string_view call) {
  if (IsConfined(s.security_label)) {
    return absl::StrCat("the security profile \"", s.security_label,
                        "\" forbids it: run the agent unconfined (the chart: "
                        "agent.security.appArmorProfile, seLinuxOptions)");
  }
  if (s.seccomp_mode == 2) {
    return absl::StrCat("a seccomp filter is set and may refuse ",
                        std::string(call),
                        ": run the agent without one (the chart: "
                        "agent.security.seccompProfile {type: Unconfined})");
  }
  return "the kernel's reason is above; its log may say more";
}

std::string MemoryRemedy(const Surroundings& s) {
  std::string grant = Grant(s, {Capability::kSysPtrace});
  if (!grant.empty()) return grant;
  if (s.yama_scope == kYamaNoAttach) {
    return "Yama forbids to read any process, to root too: "
           "kernel.yama.ptrace_scope is 3, which only a reboot with another "
           "value undoes";
  }
  return LiftProfiles(s, "process_vm_readv(2)");
}

std::string BpfRemedy(const Surroundings& s, const absl::Status& status) {
  if (s.lockdown == "confidentiality") {
    return "the kernel is locked down (confidentiality), which forbids BPF to "
           "read memory: boot with lockdown=integrity or none";
  }
  if (IsVerifierRefusal(status)) {
    return "no right helps: this kernel's verifier does not take the program. "
           "docs/kernels.md has the kernels that were tried; on this one the "
           "tier stays off";
  }
  // CAP_SYS_ADMIN stands for both.
  if (!s.Has(Capability::kSysAdmin)) {
    std::string grant = Grant(s, {Capability::kBpf, Capability::kPerfmon});
    if (!grant.empty()) return grant;
  }
  if (!s.btf) return "a kernel with CONFIG_DEBUG_INFO_BTF is needed";
  if (!absl::IsPermissionDenied(status) && s.seccomp_mode != 2) {
    return "the kernel must be 5.15 or later, with BPF and uprobes";
  }
  return LiftProfiles(s, "bpf(2) and perf_event_open(2)");
}

std::string UprobeRemedy(const Surroundings& s, const Trials& t) {
  if (!s.Has(Capability::kSysAdmin)) {
    std::string grant = Grant(s, {Capability::kCheckpointRestore});
    if (!grant.empty() && !t.mapped_files.ok()) return grant;
  }
  const bool by_perf = t.uprobe_rung == "perf" || t.uprobe_rung.empty();
  if (by_perf && !s.Has(Capability::kSysAdmin)) {
    return "this kernel has no uprobe_multi (6.6 has it), and may let nobody "
           "without CAP_SYS_ADMIN open perf uprobes: mount the host's tracefs "
           "read-write at /sys/kernel/tracing, or take a newer kernel";
  }
  return BpfRemedy(s, t.uprobes);
}

std::string PerfRemedy(const Surroundings& s, const absl::Status& status) {
  if (!s.Has(Capability::kPerfmon) && !s.Has(Capability::kSysAdmin) &&
      s.perf_event_paranoid.value_or(0) > 0) {
    return absl::StrCat(Grant(s, {Capability::kPerfmon}),
                        ", or set kernel.perf_event_paranoid lower than ",
                        *s.perf_event_paranoid);
  }
  if (s.perf_event_paranoid.value_or(0) > 2 && !s.Has(Capability::kSysAdmin)) {
    return "kernel.perf_event_paranoid is above 2, which some distributions "
           "take as a ban for all but CAP_SYS_ADMIN: set it to 2 or lower";
  }
  return BpfRemedy(s, status);
}

std::string BirthRemedy(const Surroundings& s, const absl::Status& status) {
  if (absl::StrContains(status.message(), "debug register")) {
    return "a debugger may hold the debug registers, and some virtual machines "
           "have none; allocation windows stand in";
  }
  return PerfRemedy(s, status);
}

// One row: the first of `needs` that failed is its reason.
struct Need {
  const absl::Status* trial;
  std::string remedy;
};

TierCheck Row(std::string tier, std::string what, std::vector<Need> needs,
              std::string how = "") {
  TierCheck row;
  row.tier = std::move(tier);
  row.what = std::move(what);
  row.works = true;
  for (Need& need : needs) {
    if (need.trial->ok()) continue;
    row.works = false;
    row.reason = std::string(need.trial->message());
    row.remedy = std::move(need.remedy);
    return row;
  }
  row.how = std::move(how);
  return row;
}

std::vector<TierCheck> RowsOfReading(const Surroundings& s, const Trials& t) {
  const Need process = {&t.read_process, MemoryRemedy(s)};
  const Need memory = {&t.read_memory, MemoryRemedy(s)};
  const Need inspector = {&t.inspector,
                          "the sandboxed parser, plimsoll-inspector, must be "
                          "beside this program and may need: " +
                              MemoryRemedy(s)};
  std::string version = s.cgroup_v1 && s.cgroup_v2 ? "v1 and v2"
                        : s.cgroup_v1              ? "v1"
                                                   : "v2";
  return {
      Row("memory", "memory of each process, from /proc", {process}),
      Row("limits", "memory limits and OOM kills, from cgroups",
          {{&t.cgroup_limits,
            "mount the host's /sys/fs/cgroup read-only (the chart does)"}},
          "cgroup " + version),
      Row("headers", "Python's heap by size class",
          {process, memory, inspector}),
      Row("census", "live objects by type", {process, memory, inspector}),
  };
}

std::vector<TierCheck> RowsOfProbes(const Surroundings& s, const Trials& t) {
  const Need bpf = {&t.load_bpf, BpfRemedy(s, t.load_bpf)};
  const Need uprobe = {&t.uprobes, UprobeRemedy(s, t)};
  auto loaded = [&](const absl::Status& trial) {
    return Need{&trial, BpfRemedy(s, trial)};
  };
  auto perf = [&](const absl::Status& trial) {
    return Need{&trial, PerfRemedy(s, trial)};
  };
  return {
      Row("gc", "garbage collections and their pauses",
          {bpf, uprobe, loaded(t.gc_probe)}, t.uprobe_rung),
      Row("growth", "stacks where fresh memory is taken",
          {bpf, perf(t.page_faults)}, "page faults"),
      Row("stacks", "allocations by type and stack, in windows",
          {bpf, uprobe, loaded(t.windows)}, t.uprobe_rung),
      Row("births", "the line that makes what stays",
          {bpf, {&t.births, BirthRemedy(s, t.births)}}, "watchpoints"),
      Row("native", "growth outside Python, by stack", {bpf, perf(t.native)},
          "page faults"),
      Row("events", "starts, ends and OOM kills as they happen",
          {bpf, loaded(t.lifecycle)}),
  };
}

TierCheck RowOfRequests(const Surroundings& s, const Trials& t) {
  std::string grant = Grant(s, {Capability::kDacReadSearch});
  return Row("requests", "environment and request counters of other users",
             {{&t.closed_files,
               grant.empty() ? LiftProfiles(s, "openat(2)") : grant}});
}

std::vector<std::string> Notes(const Surroundings& s) {
  std::vector<std::string> notes;
  if (!s.host_pid_namespace) {
    notes.emplace_back(
        "this is not the host's PID namespace: only processes of this "
        "container are seen (the chart sets hostPID: true)");
  }
  if (!s.Has(Capability::kSysPtrace)) {
    notes.emplace_back(
        "without CAP_SYS_PTRACE the agent does not start at all, whatever "
        "else works");
  }
  if (s.Has(Capability::kSysAdmin)) {
    notes.emplace_back(
        "CAP_SYS_ADMIN is held and not needed: five smaller ones are enough");
  }
  if (IsConfined(s.security_label)) {
    notes.emplace_back("the security profile \"" + s.security_label +
                       "\" may still refuse processes of other profiles");
  }
  if (s.yama_scope == kYamaNoAttach) {
    notes.emplace_back("kernel.yama.ptrace_scope is 3: no process can be read");
  }
  return notes;
}

}  // namespace

const char* CapabilityName(Capability capability) {
  switch (capability) {
    case Capability::kDacOverride:
      return "CAP_DAC_OVERRIDE";
    case Capability::kDacReadSearch:
      return "CAP_DAC_READ_SEARCH";
    case Capability::kSysPtrace:
      return "CAP_SYS_PTRACE";
    case Capability::kSysAdmin:
      return "CAP_SYS_ADMIN";
    case Capability::kPerfmon:
      return "CAP_PERFMON";
    case Capability::kBpf:
      return "CAP_BPF";
    case Capability::kCheckpointRestore:
      return "CAP_CHECKPOINT_RESTORE";
  }
  return "a capability";
}

bool SelfCheck::all_work() const {
  return std::all_of(tiers.begin(), tiers.end(),
                     [](const TierCheck& row) { return row.works; });
}

SelfCheck Judge(const Surroundings& surroundings, const Trials& trials) {
  SelfCheck check;
  check.tiers = RowsOfReading(surroundings, trials);
  std::vector<TierCheck> probes = RowsOfProbes(surroundings, trials);
  std::move(probes.begin(), probes.end(), std::back_inserter(check.tiers));
  check.tiers.push_back(RowOfRequests(surroundings, trials));
  check.notes = Notes(surroundings);
  return check;
}

}  // namespace plimsoll::core
