// Events that the kernel counts in software, on every thread of a process, each
// running a BPF program: page faults, by which tiers 1 and 5 sample fresh
// memory, and ticks of CPU time. Threads that start later inherit them,
// processes that the target forks do not.
//
// Any thread.
#ifndef PLIMSOLL_AGENT_BPF_THREAD_EVENTS_H_
#define PLIMSOLL_AGENT_BPF_THREAD_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/bpf/handles.h"

namespace plimsoll::bpf {

// By /proc/PID/task, at most so many; empty when the process is gone.
std::vector<int32_t> ListThreads(int32_t pid, size_t most);

// The event of one thread. `fd` is the link's and lives as long as it.
struct ThreadEvent {
  int fd = -1;
  BpfLink link;
};

absl::StatusOr<ThreadEvent> AttachToThreadFaults(const bpf_program* program,
                                                 int32_t tid, uint64_t period);

// A sample each `period` faults of a thread; links detach. kNotFound: the
// process is gone.
absl::StatusOr<std::vector<BpfLink>> AttachToPageFaults(
    const bpf_program* program, int32_t pid, uint64_t period);

// A sample each `period_ns` of a thread's CPU time, in the kernel too. As
// above.
absl::StatusOr<std::vector<BpfLink>> AttachToCpuTime(const bpf_program* program,
                                                     int32_t pid,
                                                     int64_t period_ns);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_THREAD_EVENTS_H_
