#include "agent/bpf/window_progress.h"

namespace plimsoll::bpf {

WindowProgress ProgressOf(const plimsoll_progress& progress,
                          const core::HitCosts& costs, const TrapCosts& trap_ns,
                          int64_t elapsed_ns) {
  WindowProgress out;
  out.elapsed_ns = elapsed_ns;
  out.hits = progress.hits;
  out.budget_spent = progress.budget_spent_ns != 0;
  if (!costs.known()) return out;
  const double program_ns = progress.timed_hits > 0
                                ? static_cast<double>(progress.timed_ns) /
                                      static_cast<double>(progress.timed_hits)
                                : costs.program_ns;
  for (size_t kind = 0; kind < PLIMSOLL_PROBE_KINDS; ++kind) {
    out.cost_ns += static_cast<double>(progress.hits_by_kind[kind]) *
                   (trap_ns[kind] + program_ns);
  }
  return out;
}

}  // namespace plimsoll::bpf
