// CensusRunner takes the censuses that are due, one at a time, the longest
// overdue first, while the CPU budget lasts. Processes that grow come before
// all others and may use the whole budget; looks at the rest, the first look at
// a node's heaps among them, are spread so that they alone cost a sixth of it.
// Whatever has waited for ten periods counts as what grows does, so that none
// is forgotten. Loop thread only; owned by Agent.
#ifndef PLIMSOLL_AGENT_CENSUS_RUNNER_H_
#define PLIMSOLL_AGENT_CENSUS_RUNNER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/config.h"
#include "agent/core/clock.h"
#include "agent/core/cpu_budget.h"
#include "agent/core/ports.h"
#include "agent/process_table.h"

namespace plimsoll::agent {

class CensusRunner {
 public:
  using Done = std::function<void(absl::StatusOr<core::HeapCensus>)>;

  CensusRunner(const Config& config, ProcessTable* table,
               core::Inspector* inspector, core::Clock* clock,
               std::function<int64_t()> cpu_ns);
  ~CensusRunner() { *alive_ = false; }
  CensusRunner(const CensusRunner&) = delete;
  CensusRunner& operator=(const CensusRunner&) = delete;

  // Begins what is due and affordable; call it every second or so.
  void RunDue();
  // On command: ahead of what is due and outside of the budget, which pays for
  // it afterwards. The process' own record takes it too.
  void TakeNow(const core::ProcessId& id, Done done);

  struct Statistics {
    int64_t full = 0;
    int64_t headers = 0;
    int64_t failed = 0;
    int64_t deferred = 0;
    // Claims of objects to own what cannot be theirs, and the censuses that had
    // too many of them to be believed (core/implausible_heap.h).
    int64_t implausible_claims = 0;
    int64_t implausible = 0;
    double seconds = 0;  // in all, by the inspector's clock
    double last_seconds = 0;
  };
  const Statistics& statistics() const { return statistics_; }
  int64_t budget_balance_ns() const { return budget_.balance_ns(); }

 private:
  struct Asked {
    core::ProcessId id;
    Done done;
  };
  bool BeginAsked();
  bool Urgent(const WatchedProcess& process, int64_t now) const;
  const core::ProcessId* MostOverdue(bool urgent, int64_t now);
  void Defer(int64_t now);
  void Begin(const core::ProcessId& id, bool headers_only, bool routine,
             Done done);
  void Finish(const core::ProcessId& id, bool headers_only,
              absl::StatusOr<core::HeapCensus> census);
  void Record(WatchedProcess& process, bool headers_only,
              core::HeapCensus census);
  void RecordFailure(WatchedProcess& process, const absl::Status& status);

  ProcessTable* const table_;
  core::Inspector* const inspector_;
  core::Clock* const clock_;
  const std::function<int64_t()> cpu_ns_;
  core::CpuBudget budget_;
  // For processes where nothing grows: of those looks alone, since a node with
  // many processes spends more than their share on tier 0.
  core::CpuBudget routine_;
  int64_t routine_cpu_ns_ = 0;
  const int64_t period_ns_;  // a look that waits for longer is a loss
  std::deque<Asked> asked_;
  bool busy_ = false;
  Statistics statistics_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_CENSUS_RUNNER_H_
