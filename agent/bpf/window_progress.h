// How far a window of uprobes has come and what it has cost its target. Plain;
// any thread.
#ifndef PLIMSOLL_AGENT_BPF_WINDOW_PROGRESS_H_
#define PLIMSOLL_AGENT_BPF_WINDOW_PROGRESS_H_

#include <array>
#include <cstdint>

#include "agent/core/overhead_governor.h"
#include "plimsoll/bpf_events.h"

namespace plimsoll::bpf {

struct WindowProgress {
  uint64_t hits = 0;  // every trap, also past the budget
  bool budget_spent = false;
  int64_t elapsed_ns = 0;
  double cost_ns = 0;  // hits times calibrated cost, programs included
  double core_share() const {
    return elapsed_ns > 0 ? cost_ns / static_cast<double>(elapsed_ns) : 0;
  }
};

// Of the trap alone, by kind of probe.
using TrapCosts = std::array<double, PLIMSOLL_PROBE_KINDS>;

// The program's part is what it took here where hits of it were timed, else the
// calibrated one. The cost is 0 where `costs` are not known.
WindowProgress ProgressOf(const plimsoll_progress& progress,
                          const core::HitCosts& costs, const TrapCosts& trap_ns,
                          int64_t elapsed_ns);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_WINDOW_PROGRESS_H_
