#include "agent/bpf/kernel_support.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/tracefs_uprobe.h"
#include "agent/bpf/uprobe_link.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::bpf {
namespace {

constexpr char kUprobeDevice[] = "/sys/bus/event_source/devices/uprobe/type";

// `return 0`, as a uprobe program.
UniqueFd LoadEmptyUprobe(uint32_t expected_attach_type) {
  bpf_insn instructions[2] = {};
  instructions[0].code = BPF_ALU64 | BPF_MOV | BPF_K;  // r0 = 0
  instructions[1].code = BPF_JMP | BPF_EXIT;
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type =
      static_cast<enum bpf_attach_type>(expected_attach_type);
  return UniqueFd(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "plimsoll_empty", "GPL",
                                instructions, 2, &options));
}

std::string BpfRefusal() {
  if (LoadEmptyUprobe(0).valid()) {
    if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
      return "the kernel has no BTF (/sys/kernel/btf/vmlinux); it needs "
             "CONFIG_DEBUG_INFO_BTF";
    }
    return "";
  }
  if (errno == EPERM) {
    return absl::StrCat("BPF is not permitted to uid ", ::geteuid(),
                        "; run as root or with CAP_BPF and CAP_PERFMON");
  }
  return absl::StrCat("the kernel refused a BPF program: ",
                      std::strerror(errno));
}

// As libbpf decides it: kernels with the process filter fixed (6.10, and
// stables) answer EINVAL to pid -1; older ones, which filter by thread, get to
// the path first (EBADF).
std::string UprobeMultiRefusal() {
  const UniqueFd program = LoadEmptyUprobe(kTraceUprobeMulti);
  if (!program.valid()) {
    return absl::StrCat("uprobe_multi programs: ", std::strerror(errno),
                        " (kernel >= 6.6 has them)");
  }
  const std::vector<UprobeSite> sites = {{.file_offset = 0}};
  const absl::StatusOr<UniqueFd> link =
      CreateUprobeMultiLink(program.get(), "/", -1, sites, false);
  const int error = errno;
  if (link.ok()) return "uprobe_multi accepted an impossible process";
  if (error == EINVAL) return "";
  if (error == EBADF || error == ESRCH) {
    return "uprobe_multi filters by thread, not by process, on this kernel "
           "(fixed in 6.10 and in stable releases)";
  }
  return absl::StrCat("uprobe_multi links: ", std::strerror(error));
}

// Permission is asked for before the path is looked at, and this one is empty.
std::string PerfUprobeRefusal() {
  uint32_t type = 0;
  if (!(std::ifstream(kUprobeDevice) >> type)) {
    return absl::StrCat("no perf uprobe device: ", std::strerror(errno),
                        " (CONFIG_UPROBE_EVENTS)");
  }
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = type;
  attributes.config1 = reinterpret_cast<uint64_t>("");  // uprobe_path
  const UniqueFd event(static_cast<int>(::syscall(
      SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (event.valid() || errno == EINVAL) return "";
  return absl::StrCat("perf uprobes: ", std::strerror(errno),
                      errno == EACCES || errno == EPERM
                          ? "; run as root with CAP_SYS_ADMIN"
                          : "");
}

std::string TracefsRefusal() {
  if (const auto removed = TracefsUprobe::RemoveLeftovers(); !removed.ok()) {
    return absl::StrCat("tracefs uprobes: ", removed.status().message());
  }
  return "";
}

std::string PageFaultRefusal() {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_PAGE_FAULTS;
  attributes.sample_period = 1;
  attributes.disabled = 1;
  const UniqueFd event(static_cast<int>(::syscall(
      SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (event.valid()) return "";
  return absl::StrCat("page-fault events: ", std::strerror(errno),
                      errno == EACCES || errno == EPERM
                          ? "; run as root or with CAP_PERFMON"
                          : "");
}

}  // namespace

std::string ReturnProbeRefusal(const KernelVersion& version) {
  if (version >= KernelVersion{6, 11, 0} && version < KernelVersion{6, 14, 0}) {
    return absl::StrCat("return probes are refused on kernel ", version.major,
                        ".", version.minor,
                        ": they can kill targets that seccomp confines "
                        "(6.11 to 6.13); entry probes and USDT still work");
  }
  return "";
}

KernelSupport KernelSupport::Detect() {
  RouteLibbpfMessages();
  KernelSupport support;
  utsname name = {};
  if (::uname(&name) == 0) {
    support.release = name.release;
    std::sscanf(name.release, "%d.%d.%d", &support.version.major,
                &support.version.minor, &support.version.patch);
  }
  support.bpf_refusal = BpfRefusal();
  if (!support.bpf() && support.version < KernelVersion{5, 15, 0}) {
    absl::StrAppend(&support.bpf_refusal, "; kernel ", support.release,
                    " is older than 5.15");
  }
  support.uprobe_multi_refusal =
      support.bpf() ? UprobeMultiRefusal() : support.bpf_refusal;
  support.tracefs_refusal = TracefsRefusal();
  support.perf_uprobe_refusal = PerfUprobeRefusal();
  support.return_probe_refusal = ReturnProbeRefusal(support.version);
  support.page_fault_refusal = PageFaultRefusal();
  support.lifecycle_refusal = support.bpf_refusal;
  return support;
}

void KernelSupport::Refuse(UprobeRung rung, const std::string& reason) {
  switch (rung) {
    case UprobeRung::kUprobeMulti:
      uprobe_multi_refusal = reason;
      return;
    case UprobeRung::kTracefs:
      tracefs_refusal = reason;
      return;
    case UprobeRung::kPerf:
      perf_uprobe_refusal = reason;
      return;
  }
}

absl::StatusOr<UprobeRung> KernelSupport::Rung() const {
  if (!bpf()) return absl::FailedPreconditionError(bpf_refusal);
  if (uprobe_multi()) return UprobeRung::kUprobeMulti;
  if (tracefs()) return UprobeRung::kTracefs;
  if (perf_uprobe()) return UprobeRung::kPerf;
  return absl::FailedPreconditionError(
      absl::StrCat("no way to attach a uprobe: ", uprobe_multi_refusal, "; ",
                   tracefs_refusal, "; ", perf_uprobe_refusal));
}

std::map<std::string, std::string> KernelSupport::RungRefusals() const {
  std::map<std::string, std::string> refusals = {
      {UprobeRungName(UprobeRung::kUprobeMulti), uprobe_multi_refusal},
      {UprobeRungName(UprobeRung::kTracefs), tracefs_refusal},
      {UprobeRungName(UprobeRung::kPerf), perf_uprobe_refusal}};
  std::erase_if(refusals, [](const auto& rung) { return rung.second.empty(); });
  return refusals;
}

std::string KernelSupport::Describe() const {
  std::string text = absl::StrCat("kernel: ", release, "\n");
  const auto line = [&text](const char* what, const std::string& refusal) {
    absl::StrAppend(&text, what, ": ",
                    refusal.empty() ? "works" : "not: " + refusal, "\n");
  };
  line("bpf", bpf_refusal);
  line("uprobe_multi", uprobe_multi_refusal);
  line("tracefs uprobes", tracefs_refusal);
  line("perf uprobes", perf_uprobe_refusal);
  line("return probes", return_probe_refusal);
  line("page-fault samples", page_fault_refusal);
  line("exec, exit and OOM events", lifecycle_refusal);
  return text;
}

}  // namespace plimsoll::bpf
