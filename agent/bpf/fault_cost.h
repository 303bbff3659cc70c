// What a sampled page fault costs its thread on this machine, beyond the fault
// itself: the software event and the start of a BPF program.
#ifndef PLIMSOLL_AGENT_BPF_FAULT_COST_H_
#define PLIMSOLL_AGENT_BPF_FAULT_COST_H_

#include <bpf/libbpf.h>

#include "absl/status/statusor.h"

namespace plimsoll::bpf {

// For a program that returns at once when the process is not watched. Touches
// fresh pages of our own, batches with and without the event in turn, by the
// CPU time of the calling thread: the median difference of a pair, so that a
// batch that was interrupted does not count. About 10 ms; any thread.
absl::StatusOr<double> MeasureFaultNs(const bpf_program* program);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_FAULT_COST_H_
