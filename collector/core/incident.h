// An incident: one leak of one workload, from the first suspicion to its end.
// Its key is workload + cause class; regions, versions and processes are listed
// inside. Plain values; collector/core/incident_json.h writes and reads them.
#ifndef PLIMSOLL_COLLECTOR_CORE_INCIDENT_H_
#define PLIMSOLL_COLLECTOR_CORE_INCIDENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/fleet.h"
#include "collector/core/verdict.h"

namespace plimsoll::collector {

// Growth of one type in one leaking instance: the mean over them.
struct GrowingType {
  std::string type;
  bool builtin = false;
  Estimate objects_per_s;
  Estimate bytes_per_s;                // with the builtins rolled up into it
  double share = 0;                    // of the growth in bytes, in [0, 1]
  std::vector<std::string> rolled_up;  // "dict", "1 per object": by count
  friend bool operator==(const GrowingType&, const GrowingType&) = default;
};

struct AffectedProcess {
  ProcessKey process = 0;
  int32_t pid = 0;
  std::string pod, node, region, version;
  std::string instance;  // instances.h
  Estimate bytes_per_s;
  std::optional<double> usage_bytes, limit_bytes;
  std::optional<TimeToLimit> time_to_limit;  // of its instance
  bool pressed = false;  // timed by what presses on the limit, not by itself
  bool leaking = false;  // false: a sibling that was looked at and is healthy
  // The limit is what its node had left, as no limit is set.
  bool limit_of_node = false;
  bool helper = false;  // neither grows nor serves: counted nowhere
  friend bool operator==(const AffectedProcess&,
                         const AffectedProcess&) = default;
};

// Bytes per request of an attribute value or a pair of them.
struct TrafficCause {
  std::string attributes;  // "city=singapore,outcome=exception"; "": any
  Estimate bytes_per_request;
  double share = 0;  // of the leak
  double vif = 0;    // variance inflation by the other attributes
  double requests = 0;
  // Of one leaking instance, over the window of the slope: times
  // bytes_per_request it is `share` of the incident's bytes_per_s.
  std::optional<double> requests_per_s;
  std::vector<std::string> inseparable_from;
  friend bool operator==(const TrafficCause&, const TrafficCause&) = default;
};

struct Traffic {
  std::vector<TrafficCause> causes;
  double unexplained_share = 1;
  int64_t looks = 0;      // increments that the estimate stands on
  std::string not_known;  // why there is no cause; empty when there is
  friend bool operator==(const Traffic&, const Traffic&) = default;
};

// What the agent of one process was asked for, and what came of it.
struct EvidenceRequest {
  ProcessKey process = 0;
  std::string what, outcome, reason;  // outcome "": no answer yet
  int64_t sent_ns = 0, finished_ns = 0;
  friend bool operator==(const EvidenceRequest&,
                         const EvidenceRequest&) = default;
};

struct RegionGrowth {
  std::string region;
  int32_t processes = 0;  // helpers are not counted
  int32_t leaking = 0;
  Estimate bytes_per_s;                       // mean over its instances
  std::optional<Estimate> bytes_per_request;  // of the traffic cause
  friend bool operator==(const RegionGrowth&, const RegionGrowth&) = default;
};

// How anonymous memory's growth divides, each as a share of it.
struct GrowthShares {
  std::optional<double> python, free, native;
  friend bool operator==(const GrowthShares&, const GrowthShares&) = default;
};

// The nine lines of a page, without their captions. Each is measured or says
// that it is not known yet and why.
struct PageText {
  std::string title;
  std::string what, held_by, made_at, kept_at, traffic, where, do_now, trust;
  friend bool operator==(const PageText&, const PageText&) = default;
  std::string ToString() const;  // title, then "what      ..." and so on
};

enum class IncidentState : uint8_t { kPending, kFiring, kResolved };
std::string_view ToString(IncidentState state);

struct Incident {
  std::string id;  // stable over restarts and changes of its content
  WorkloadName workload;
  Verdict cause = Verdict::kUnknown;
  IncidentState state = IncidentState::kPending;
  bool page = true;  // false: a ticket
  std::string rule;  // "imminent" or "judgement"
  int64_t opened_ns = 0;
  int64_t fired_ns = 0;     // 0: not yet
  int64_t resolved_ns = 0;  // 0: not yet
  int64_t updated_ns = 0;
  int64_t evidence_requested_ns = 0;
  std::string evidence_problem;  // why there is none, in words; or empty
  bool page_delivered = false;   // said to every notifier as firing
  std::string resolve_reason;
  double window_s = 0;   // what the slope was estimated over
  Estimate bytes_per_s;  // of one leaking instance: the mean over them
  std::optional<TimeToLimit> time_to_limit;  // of the first to die
  bool limit_of_node = false;                // its limit is its node's memory
  std::vector<AffectedProcess> processes;    // worst first
  // Seen alive in all, helpers not counted.
  int32_t workload_processes = 0;
  int32_t workload_instances = 0;
  int32_t leaking_processes = 0;
  int32_t leaking_instances = 0;
  std::string instance_kind;  // "pod", "cgroup", "process"; "instance": mixed
  std::vector<GrowingType> types;
  GrowthShares shares;
  std::vector<StackEvidence> stacks;      // of the growing types, best first
  std::vector<EvidenceRequest> requests;  // newest of each process asked
  // Of the worst process: shares of its live blocks that were looked at, and
  // that have a type.
  std::optional<double> census_coverage, typed_share;
  Traffic traffic;
  std::vector<RegionGrowth> regions;
  PageText text;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INCIDENT_H_
