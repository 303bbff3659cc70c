// Says what a probe may cost and stops it in time. Pure: costs and times come
// in, grants and reasons go out. Owned by the agent; one thread.
//
// Two bounds: while a window lasts it may cost a fifth of a core (judged from
// its pilot), and per process the average over time stays under the tier's
// bound, kept by a bucket of nanoseconds that fills at that bound.
#ifndef PLIMSOLL_AGENT_CORE_OVERHEAD_GOVERNOR_H_
#define PLIMSOLL_AGENT_CORE_OVERHEAD_GOVERNOR_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/process.h"
#include "agent/core/python_layout.h"

namespace plimsoll::core {

// What one hit costs its target on this machine, calibrated at start.
struct HitCosts {
  double emulated_ns = 0;        // push, nop, jmp, call
  double single_stepped_ns = 0;  // all else
  double program_ns = 0;         // of the BPF program itself, measured live
  bool known() const { return emulated_ns > 0; }
  double PerHit(ProbeCost kind) const {
    return program_ns +
           (kind == ProbeCost::kEmulated ? emulated_ns : single_stepped_ns);
  }
};

struct GovernorOptions {
  double max_window_core_share = 0.2;
  double tier4_average_share = 0.02;
  double tier1_average_share = 0.005;
  // A bucket starts with, and holds at most, this much time's worth of its
  // share: 5 min at 2 % are 6 s of cost.
  int64_t bucket_ns = 300'000'000'000;
};

// What a probe may do until it must ask again.
struct WindowGrant {
  uint64_t hit_budget = 0;
  double predicted_core_share = 0;
};

// What became of requests in one tier since the start, of all processes.
struct GovernorAccount {
  int64_t granted = 0;
  int64_t refused = 0;
  int64_t revoked = 0;  // the bucket ran empty while a probe was attached
  double spent_ns = 0;
};

// "8.3 % of a core (12,000 hits/s at 6,900 ns)", for reasons and logs.
std::string DescribeCost(double hits_per_second, double ns_per_hit);

// kResourceExhausted with the figures when a pilot's cost is past `max_share`.
absl::Status JudgePilot(uint64_t hits, int64_t elapsed_ns, double cost_ns,
                        double max_share);

class OverheadGovernor {
 public:
  explicit OverheadGovernor(GovernorOptions options) : options_(options) {}

  // Grants a window of `duration_ns` that is expected to cost
  // `hits_per_second` hits of `ns_per_hit` (0 hits: not known yet; the budget
  // is then what the bucket holds). kResourceExhausted with the reason.
  absl::StatusOr<WindowGrant> Request(const ProcessId& process, Tier tier,
                                      double hits_per_second, double ns_per_hit,
                                      int64_t duration_ns, int64_t now_ns);
  // Takes what was spent since the last report from the bucket. Not OK: the
  // bucket is empty, and the probe is to be detached at once; says why.
  absl::Status Spend(const ProcessId& process, Tier tier, double cost_ns,
                     int64_t now_ns);
  // When Request() may succeed again; `now_ns` when it may now.
  int64_t AffordableAt(const ProcessId& process, Tier tier, double cost_ns,
                       int64_t now_ns);
  void Forget(const ProcessId& process);

  const GovernorAccount& account(Tier tier) const;
  // Of the processes that are known now, the least that is left of the tier's
  // bucket, as a share of it: 1 where nothing is spent, below 0 where a probe
  // was late to be detached.
  double LeastLeft(Tier tier, int64_t now_ns) const;

 private:
  struct Bucket {
    double available_ns = 0;
    int64_t filled_at_ns = 0;
  };
  struct Buckets {
    Bucket tier1;
    Bucket tier4;
    bool tier1_used = false;
    bool tier4_used = false;
  };
  double Share(Tier tier) const;
  GovernorAccount& AccountOf(Tier tier);
  absl::StatusOr<WindowGrant> Judge(const ProcessId& process, Tier tier,
                                    double hits_per_second, double ns_per_hit,
                                    int64_t duration_ns, int64_t now_ns);
  Bucket& Filled(const ProcessId& process, Tier tier, int64_t now_ns);

  GovernorOptions options_;
  GovernorAccount tier1_, tier4_;
  absl::flat_hash_map<ProcessId, Buckets> processes_;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_OVERHEAD_GOVERNOR_H_
