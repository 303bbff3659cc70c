// The analysis of a collector: what ingest, a timer and the API call.
//
//   ingest  --OnSnapshot-->  imminent rule per process (O(1))
//   timer   --Tick-------->  incidents: Pending -> Firing -> Resolved
//                              |-> EvidenceRequester, IncidentStore, Notifiers
//                            every five minutes the full judgement
//                            (FleetReader)
//   API     --Incidents--->  a copy
//
// Wiring (collector/server.cc):
//   Engine engine({.reader = &store, .requester = &commands,
//                  .incidents = &store, .silences = &watch,
//                  .notifiers = {&alertmanager}},
//                 EngineOptions{.external_url = config.external_url});
//   PLIMSOLL_RETURN_IF_ERROR(engine.Restore(now));
//   // ingest, after the batch is stored:  engine.OnSnapshot(info,
//   observation);
//   // one thread, each second:            engine.Tick(now);
//
// Threads: OnSnapshot and Incidents from any; Restore, Tick and Judge from one
// thread. No call of a port is made under a lock. Times are unix ns.
#ifndef PLIMSOLL_COLLECTOR_CORE_ENGINE_ENGINE_H_
#define PLIMSOLL_COLLECTOR_CORE_ENGINE_ENGINE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/core/fleet.h"
#include "collector/core/growth/shown_verdict.h"
#include "collector/core/incident/incident.h"
#include "collector/core/incident/incident_ports.h"
#include "collector/core/observation.h"
#include "collector/core/ports.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

// None is owned; all outlive the engine.
struct EnginePorts {
  const FleetReader* reader = nullptr;
  EvidenceRequester* requester = nullptr;  // null: no evidence can be had
  IncidentStore* incidents = nullptr;
  const SilenceReader* silences = nullptr;  // null: nothing is silenced
  std::vector<Notifier*> notifiers;
};

struct EngineOptions {
  std::string external_url = "http://127.0.0.1:7070";
  std::string runbook_url;  // "": external_url/runbook
  Thresholds thresholds;
};

// Counters for /metrics, all since start.
struct EngineCounters {
  int64_t observations = 0;
  int64_t judgements = 0;  // of a process
  int64_t incidents_fired = 0;
  int64_t incidents_resolved = 0;
  int64_t suspicions_dropped = 0;  // pending ones that went away
  int64_t port_errors = 0;         // a port failed; the incident goes on
  int64_t clock_jumps = 0;         // our clock was set, or the machine slept
};

class Engine {
 public:
  Engine(EnginePorts ports, EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Loads open incidents and says the firing ones again; gives the imminent
  // rule the last ten minutes from the store. Once, at start. A record or a
  // series that cannot be read is skipped and counted as a port error; the
  // status fails only when the incident store cannot be read at all.
  absl::Status Restore(int64_t now_ns);

  void OnSnapshot(const ProcessInfo& process, const Observation& observation);

  // Advances incidents; runs Judge when it is due. The status is the first
  // error of a port, for the log; the work goes on past it.
  absl::Status Tick(int64_t now_ns);

  // The full judgement of all processes, now. Tick calls it every
  // JudgementThresholds::every_s.
  absl::Status Judge(int64_t now_ns);

  // Open incidents and recently resolved ones, newest first.
  std::vector<Incident> Incidents() const;
  // What the last full judgement says of the workloads without a leak, and
  // where a limit is near while what grows is not known.
  std::map<WorkloadName, ShownVerdict> Shown() const;
  EngineCounters counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_ENGINE_ENGINE_H_
