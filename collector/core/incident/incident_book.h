// The incidents that are open or lately resolved, in memory and in the store.
// Changes come from the analysis thread; Copies may be asked for from any.
#ifndef PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_BOOK_H_
#define PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_BOOK_H_

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/core/incident/incident.h"
#include "collector/core/incident/incident_ports.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

class IncidentBook {
 public:
  // `store` may be null (a backtest); it is not owned.
  IncidentBook(IncidentStore* store, const IncidentThresholds& thresholds);

  // Reads the store. Records that cannot be read are skipped; the first such
  // error is returned after all the others are in.
  absl::Status Load(int64_t now_ns);

  // The open incident of a workload, or one resolved so lately that this is
  // the same (it goes on as Firing), or a new one in Pending. There is one open
  // incident of a workload: its memory is one thing, and what grows on top of
  // what is known already is not told apart by process. Its cause is settled
  // when it fires and stays while it is a page; that of a ticket follows when
  // it becomes a page, and when a leak comes on top of what is none
  // (Incident::cause_before). Invalidated by the next Open.
  Incident& Open(const WorkloadName& workload, Verdict cause, int64_t now_ns);
  Incident* FindOpen(const WorkloadName& workload);

  absl::Status Save(const Incident& incident);
  absl::Status Drop(const std::string& id);
  void ForgetResolved(int64_t now_ns);

  std::vector<std::string> OpenIds() const;
  std::set<WorkloadName> OpenWorkloads() const;
  Incident* Find(const std::string& id);
  std::vector<Incident> Copies() const;  // newest first; as last saved

 private:
  IncidentStore* const store_;
  const IncidentThresholds thresholds_;
  std::map<std::string, Incident> incidents_;  // analysis thread only
  mutable std::mutex mutex_;
  std::map<std::string, Incident> published_;  // guarded by mutex_
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_BOOK_H_
