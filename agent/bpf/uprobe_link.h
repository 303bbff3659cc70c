// Attaching one program to several places of one file in one process: the
// attach ladder. First a uprobe_multi link (kernel >= 6.6, by the raw system
// call: Debian 12's libbpf has none), else one probe per place, by tracefs
// where that is mounted (tracefs_uprobe.h), by perf where it is not. A program
// is loaded for one rung: PrepareForRung.
#ifndef PLIMSOLL_AGENT_BPF_UPROBE_LINK_H_
#define PLIMSOLL_AGENT_BPF_UPROBE_LINK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/tracefs_uprobe.h"
#include "agent/bpf/uprobe_site.h"
#include "agent/core/python_layout.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::bpf {

// enum bpf_attach_type BPF_TRACE_UPROBE_MULTI of newer headers.
inline constexpr uint32_t kTraceUprobeMulti = 48;

// Before the program is loaded: uprobe_multi wants kTraceUprobeMulti as its
// expected attach type, the other rungs none.
void PrepareForRung(bpf_program* program, UprobeRung rung);

// The cookie that tells a BPF program which probe was hit and where its first
// argument stands; kInvalidArgument for a register that does not exist.
absl::StatusOr<uint64_t> ProbeCookie(const core::ProbePoint& probe);

// Detached on destruction.
class UprobeLinks {
 public:
  UprobeLinks() = default;
  void Detach();
  bool attached() const {
    return multi_.valid() || !tracefs_.empty() || !perf_.empty();
  }

 private:
  friend absl::StatusOr<UprobeLinks> AttachUprobes(
      bpf_program* program, UprobeRung rung, const std::string& open_path,
      int32_t pid, const std::vector<UprobeSite>& sites, bool at_return);
  UniqueFd multi_;
  std::vector<TracefsUprobe> tracefs_;
  std::vector<BpfLink> perf_;
};

// All sites or none. `pid` is a process; its threads are all covered.
// Errors name the file, the process and the rung.
absl::StatusOr<UprobeLinks> AttachUprobes(bpf_program* program, UprobeRung rung,
                                          const std::string& open_path,
                                          int32_t pid,
                                          const std::vector<UprobeSite>& sites,
                                          bool at_return);

// The raw link; errno is left as the kernel set it.
absl::StatusOr<UniqueFd> CreateUprobeMultiLink(
    int program_fd, const std::string& path, int32_t pid,
    const std::vector<UprobeSite>& sites, bool at_return);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_UPROBE_LINK_H_
