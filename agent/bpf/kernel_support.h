// What the running kernel offers to our probes, found by trying, in words.
// A value; Detect() makes a few system calls, leaves nothing behind and removes
// what programs of ours that were killed left in tracefs.
#ifndef PLIMSOLL_AGENT_BPF_KERNEL_SUPPORT_H_
#define PLIMSOLL_AGENT_BPF_KERNEL_SUPPORT_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "agent/bpf/uprobe_site.h"

namespace plimsoll::bpf {

struct KernelVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

struct KernelSupport {
  KernelVersion version;
  std::string release;  // uname -r
  // Empty: works. Else a sentence that says why not and what to do.
  std::string bpf_refusal;           // no program can be loaded at all
  std::string uprobe_multi_refusal;  // the first rung of the attach ladder
  std::string tracefs_refusal;       // the second
  std::string perf_uprobe_refusal;   // the third
  std::string return_probe_refusal;
  std::string page_fault_refusal;  // per-task software event
  std::string lifecycle_refusal;   // exec, exit and OOM events (tp_btf)

  bool bpf() const { return bpf_refusal.empty(); }
  bool uprobe_multi() const { return uprobe_multi_refusal.empty(); }
  bool tracefs() const { return tracefs_refusal.empty(); }
  bool perf_uprobe() const { return perf_uprobe_refusal.empty(); }
  bool return_probes() const { return return_probe_refusal.empty(); }
  // Takes a rung out of the ladder: tests and benchmarks try each.
  void Refuse(UprobeRung rung, const std::string& reason);
  // The best rung that works; kFailedPrecondition naming each that does not.
  absl::StatusOr<UprobeRung> Rung() const;
  // By the name of each rung that does not work: why.
  std::map<std::string, std::string> RungRefusals() const;
  // One "what: works | not: why" line each, for `plimsoll ps -v` and status.
  std::string Describe() const;

  static KernelSupport Detect();
};

// Why uprobes on function returns are refused on a kernel; "" when they are
// not. 6.11 to 6.13 kill seccomp-confined targets (uretprobe system call; the
// fix, cf6cb56ef244, went into 6.14 and some 6.12 and 6.13 stables only).
std::string ReturnProbeRefusal(const KernelVersion& version);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_KERNEL_SUPPORT_H_
