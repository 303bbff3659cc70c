// Every live process under the imminent rule. The one piece of the analysis
// that ingest threads touch: all methods are thread-safe, none calls out.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_PROCESS_TABLE_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_PROCESS_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "collector/core/growth/imminent_watch.h"
#include "collector/core/growth/judgement.h"
#include "collector/core/types/type_growth.h"

namespace plimsoll::collector {

// A copy of what the rule knows of one process, for the analysis thread.
struct ProcessTrend {
  ProcessInfo info;
  ImminentFinding finding;
  std::optional<Estimate> recent_bytes_per_s;
  std::vector<TypeTrend> types;
  std::optional<NativeTrend> native;
  // Of the full judgement, while it stands; filled in by the engine.
  std::optional<ProcessJudgement> judged;
  int64_t watched_from_ns = 0;
  int64_t last_seen_ns = 0;
  bool serves = false;  // counts requests of its own
  bool exited = false;
  bool oom_killed = false;
};

class ProcessTable {
 public:
  explicit ProcessTable(const ImminentThresholds& thresholds);

  void Observe(const ProcessInfo& process, const Observation& observation);

  // Trends of all processes of the workloads that have one for which the rule
  // holds, of those named, and of the same services in other clusters. Keyed by
  // workload.
  std::map<WorkloadName, std::vector<ProcessTrend>> Trends(
      const std::set<WorkloadName>& also) const;

  // Workloads whose limit is surely near for one process while what grows in it
  // is not known, and why not.
  std::map<WorkloadName, std::string> Unnamed() const;

  // Forgets what was not seen for so long before `now_ns`, or before the newest
  // sample of any process: our clock may have been set ahead of theirs.
  void Forget(int64_t now_ns, int64_t silent_for_ns);

  int64_t observations() const;

 private:
  struct Entry {
    ProcessInfo info;
    ImminentWatch watch;
    int64_t watched_from_ns;
  };
  static ProcessTrend TrendOf(const Entry& entry);

  const ImminentThresholds thresholds_;
  mutable std::mutex mutex_;
  std::map<ProcessKey, Entry> entries_;  // guarded by mutex_
  int64_t observations_ = 0;             // guarded by mutex_
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_PROCESS_TABLE_H_
