// What the running kernel offers to our probes, found by trying, in words.
// A value; Detect() makes a few system calls and leaves nothing behind.
#ifndef PLIMSOLL_AGENT_BPF_KERNEL_SUPPORT_H_
#define PLIMSOLL_AGENT_BPF_KERNEL_SUPPORT_H_

#include <string>

#include "absl/status/status.h"

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
  std::string perf_uprobe_refusal;   // the second rung
  std::string return_probe_refusal;
  std::string page_fault_refusal;  // per-task software event
  std::string lifecycle_refusal;   // exec, exit and OOM events (tp_btf)

  bool bpf() const { return bpf_refusal.empty(); }
  bool uprobe_multi() const { return uprobe_multi_refusal.empty(); }
  bool perf_uprobe() const { return perf_uprobe_refusal.empty(); }
  bool return_probes() const { return return_probe_refusal.empty(); }
  bool uprobes() const { return bpf() && (uprobe_multi() || perf_uprobe()); }

  // kFailedPrecondition naming each rung that failed; OK when one works.
  absl::Status UprobesUsable() const;
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
