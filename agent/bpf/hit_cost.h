// What a uprobe hit costs on this machine, measured on two functions of our own
// program: one that begins with an instruction the kernel emulates (push), one
// that it must single-step (mov). The two differ by 2x on metal and by 35x in a
// virtual machine, so that a table would be wrong.
#ifndef PLIMSOLL_AGENT_BPF_HIT_COST_H_
#define PLIMSOLL_AGENT_BPF_HIT_COST_H_

#include "absl/status/statusor.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/overhead_governor.h"

namespace plimsoll::bpf {

// Medians of the trap alone; what a program does in it, each window measures.
// Blocks the calling thread for about 0.1 s, at most 0.5 s (perf detaches
// slowly); any thread, not the agent's loop.
absl::StatusOr<core::HitCosts> CalibrateHitCosts(const KernelSupport& kernel);

// What the trap at a function's return adds to the one at its entry; the same
// way. kFailedPrecondition: return probes are refused on this kernel.
absl::StatusOr<double> CalibrateReturnCost(const KernelSupport& kernel,
                                           const core::HitCosts& costs);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_HIT_COST_H_
