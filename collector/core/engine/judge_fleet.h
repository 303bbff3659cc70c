// The full judgement over the store: every process, then by workload.
#ifndef PLIMSOLL_COLLECTOR_CORE_ENGINE_JUDGE_FLEET_H_
#define PLIMSOLL_COLLECTOR_CORE_ENGINE_JUDGE_FLEET_H_

#include <map>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "collector/core/growth/judgement.h"
#include "collector/core/growth/shown_verdict.h"
#include "collector/core/history/life_book.h"
#include "collector/core/incident/incident.h"
#include "collector/core/ports.h"
#include "collector/core/thresholds.h"
#include "collector/core/types/type_book.h"

namespace plimsoll::collector {

struct WorkloadJudgement {
  WorkloadName workload;
  Verdict cause = Verdict::kLeak;
  bool page = false;
  Estimate bytes_per_s;                      // mean over its leaking instances
  std::optional<TimeToLimit> time_to_limit;  // of the first to die
  double window_s = 0;
  GrowthShares shares;                     // of the worst process
  std::vector<AffectedProcess> processes;  // leaking, worst first
  std::optional<VersionOnset> onset;       // what it was found by, if by that
};

// As a new incident has it.
void Fill(const WorkloadJudgement& judgement, Incident& incident);

struct FleetJudgement {
  std::vector<WorkloadJudgement> found;
  std::set<WorkloadName> workloads;                 // of `found`
  std::map<ProcessKey, ProcessJudgement> standing;  // as Confirmations has it
  std::map<WorkloadName, ShownVerdict> shown;  // of the others that are alive
  int64_t processes_judged = 0;
  absl::Status first_error;  // of the reader; the others were judged
};

// What is kept from tick to tick.
struct FleetState {
  explicit FleetState(const JudgementThresholds& thresholds)
      : confirmations(thresholds) {}
  LifeBook lives;
  TypeBook types;
  Confirmations confirmations;
};

FleetJudgement JudgeFleet(const FleetReader& reader,
                          const Thresholds& thresholds, FleetState& state,
                          int64_t now_ns);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_ENGINE_JUDGE_FLEET_H_
