// Page-fault events on every thread of a process, each running a BPF program:
// what tiers 1 and 5 sample fresh memory by. Threads that start later inherit
// them, processes that the target forks do not.
//
// Any thread.
#ifndef PLIMSOLL_AGENT_BPF_PAGE_FAULT_EVENTS_H_
#define PLIMSOLL_AGENT_BPF_PAGE_FAULT_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/bpf/handles.h"

namespace plimsoll::bpf {

// By /proc/PID/task, at most so many; empty when the process is gone.
std::vector<int32_t> ListThreads(int32_t pid, size_t most);

// The event of one thread. `fd` is the link's and lives as long as it.
struct PageFaultEvent {
  int fd = -1;
  BpfLink link;
};

absl::StatusOr<PageFaultEvent> AttachToThreadFaults(const bpf_program* program,
                                                    int32_t tid,
                                                    uint64_t period);

// A sample each `period` faults of a thread; links detach. kNotFound: the
// process is gone.
absl::StatusOr<std::vector<BpfLink>> AttachToPageFaults(
    const bpf_program* program, int32_t pid, uint64_t period);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_PAGE_FAULT_EVENTS_H_
