// One uprobe by a line in tracefs' uprobe_events and a perf event on it: the
// rung between uprobe_multi and perf's own uprobes. It asks for write access to
// that file (root's) and CAP_PERFMON, where perf's own have asked for
// CAP_SYS_ADMIN since the fix of CVE-2025-38466; it is nowhere faster.
//
// Unlike the other rungs a line outlives a program that is killed. Lines are in
// one group ("plimsoll"), made and opened under a lock on the file, and cannot
// be removed while a perf event is open: so each that can be removed under the
// lock was left behind, and RemoveLeftovers() does that.
//
// Move-only, thread-compatible. Mounts nothing. Formats:
// Documentation/trace/uprobetracer.rst.
#ifndef PLIMSOLL_AGENT_BPF_TRACEFS_UPROBE_H_
#define PLIMSOLL_AGENT_BPF_TRACEFS_UPROBE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/uprobe_site.h"

namespace plimsoll::bpf {

class TracefsUprobe {
 public:
  // `program` must be loaded without an expected attach type. Errors name the
  // step, the process and the file.
  static absl::StatusOr<TracefsUprobe> Attach(bpf_program* program,
                                              const std::string& open_path,
                                              int32_t pid,
                                              const UprobeSite& site,
                                              bool at_return);
  TracefsUprobe(TracefsUprobe&& other) noexcept;
  TracefsUprobe& operator=(TracefsUprobe&& other) noexcept;
  ~TracefsUprobe() { Detach(); }

  // Where tracefs is mounted and can be written; an error with the remedy.
  static absl::StatusOr<std::string> FindTracefs();
  // How many lines of programs that are gone were removed.
  static absl::StatusOr<int> RemoveLeftovers();

 private:
  TracefsUprobe(BpfLink link, std::string name)
      : link_(std::move(link)), name_(std::move(name)) {}
  void Detach();

  BpfLink link_;
  std::string name_;  // "": holds nothing
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_TRACEFS_UPROBE_H_
