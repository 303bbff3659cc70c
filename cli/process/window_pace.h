// When the next window on a process is due and affordable, and how long it may
// last: together they cost it no more than 2 % of a core on average over a
// measurement. A value; one thread.
#ifndef PLIMSOLL_CLI_PROCESS_WINDOW_PACE_H_
#define PLIMSOLL_CLI_PROCESS_WINDOW_PACE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "agent/core/overhead_governor.h"
#include "agent/core/process.h"

namespace plimsoll::cli {

class WindowPace {
 public:
  // `total_ns`: of the measurement. No window is longer than `longest_ns`. As
  // much as `parts` of them would cost evenly may be spent at once: the fewer,
  // the longer a window.
  WindowPace(const core::ProcessId& id, int64_t total_ns, int64_t longest_ns,
             int64_t parts);

  // When the next window is affordable and due.
  int64_t NextAtNs();
  // How long it may last.
  int64_t WindowNs() const;
  // The window begins. `first_hit_ns`: the cost of a hit where none was
  // measured yet. kResourceExhausted: it would cost too much now, or at all.
  absl::StatusOr<core::WindowGrant> Begin(double first_hit_ns);
  // What is asked for from here on costs something else: learn it anew.
  void ForgetRate() {
    hits_per_s_ = ns_per_hit_ = 0;
    known_ = false;
  }
  void End(uint64_t hits, double cost_ns, int64_t elapsed_ns);

  int64_t window_ns() const { return window_ns_; }  // in all windows so far
  double cost_ns() const { return cost_ns_; }

 private:
  core::OverheadGovernor governor_;
  core::ProcessId id_;
  int64_t period_ns_;
  int64_t longest_ns_;
  double capacity_ns_;  // of the governor's bucket
  int64_t last_began_ns_ = 0;
  int64_t window_ns_ = 0;
  double cost_ns_ = 0;
  double hits_per_s_ = 0;  // of the last window
  double ns_per_hit_ = 0;
  bool known_ = false;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_WINDOW_PACE_H_
