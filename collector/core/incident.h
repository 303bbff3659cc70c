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
  std::string model_limited;  // ProcessJudgement's
  std::optional<double> usage_bytes, limit_bytes;
  std::optional<TimeToLimit> time_to_limit;  // of its instance
  bool pressed = false;  // timed by what presses on the limit, not by itself
  bool leaking = false;  // false: a sibling that was looked at and is healthy
  // The limit is what its node had left, as no limit is set.
  bool limit_of_node = false;
  bool helper = false;  // neither grows nor serves: counted nowhere
  std::string by_hand;  // who started it, if a person did; by_hand.h
  friend bool operator==(const AffectedProcess&,
                         const AffectedProcess&) = default;
};

// Bytes per request of an attribute value or a pair of them.
struct TrafficCause {
  std::string attributes;  // "city=singapore,outcome=exception"; "": any
  Estimate bytes_per_request;
  double share = 0;  // of the leak
  double vif = 0;    // variance inflation by the other values of its keys
  double condition_index = 0;
  double requests = 0;
  double smallest_effect = 0;  // bytes per request that would have been found
  double placebo_share = 0;    // of shifts in time that look as good
  // Of one leaking instance, over the window of the slope: times
  // bytes_per_request it is `share` of the incident's bytes_per_s.
  std::optional<double> requests_per_s;
  std::vector<std::string> inseparable_from;
  // The figures are those of all requests with it or with one of
  // `inseparable_from`, which move together.
  bool joint = false;
  friend bool operator==(const TrafficCause&, const TrafficCause&) = default;
};

struct Traffic {
  std::vector<TrafficCause> causes;
  double unexplained_share = 1;
  int64_t looks = 0;  // increments that the estimate stands on
  int64_t at_ns = 0;  // when it was made
  // What was regressed, and what the bytes per request are bytes of: "live
  // bytes of T", "live Python objects", "anonymous memory".
  std::string signal, bytes_of;
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

// A process on the same node, by what it has of the node's memory.
struct Neighbour {
  std::string workload;
  int32_t pid = 0;
  double anon_bytes = 0;
  bool worst = false;  // the incident's own
  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

struct RegionGrowth {
  std::string region;
  int32_t processes = 0;  // helpers are not counted
  int32_t leaking = 0;
  Estimate bytes_per_s;                       // mean over its instances
  std::optional<Estimate> bytes_per_request;  // of the traffic cause
  friend bool operator==(const RegionGrowth&, const RegionGrowth&) = default;
};

// Two regions or versions of one workload (traffic_compare.h).
struct GroupComparison {
  std::string one, other;
  Estimate in_all;  // ratio of growth per process-hour
  // Of the bytes per leaking request, at the same mix of them.
  std::optional<Estimate> at_equal_mix;
  double mix = 0;  // in_all over at_equal_mix: what the mix alone makes
  // Of the first cause.
  std::optional<Estimate> bytes_per_request_one, bytes_per_request_other;
  bool worse_here = false;  // `one` is surely the worse at equal mix
  std::string not_told;     // why there is no figure at equal mix
  friend bool operator==(const GroupComparison&,
                         const GroupComparison&) = default;
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

// A silence of Alertmanager, in the words of who made it.
struct Silence {
  std::string id, created_by, comment;
  int64_t ends_at_ns = 0;
  friend bool operator==(const Silence&, const Silence&) = default;
};

// What a target of a notifier has accepted of an incident, and when.
struct Told {
  std::string target;  // "alertmanager http://am:9093"; no secret is in it
  std::string status;  // "page", "ticket", "resolved"
  int64_t at_ns = 0;
  friend bool operator==(const Told&, const Told&) = default;
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
  std::string evidence_problem;    // why there is none, in words; or empty
  std::string owner;               // who is to act; settled when it fires
  std::optional<Silence> silence;  // of Alertmanager, while it holds
  std::vector<Told> told;          // by target: the newest that it accepted
  std::string resolve_reason;
  double window_s = 0;   // what the slope was estimated over
  Estimate bytes_per_s;  // of one leaking instance: the mean over them
  // Why the interval may miss, or empty: of the first that has a reason.
  std::string model_limited;
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
  // Why garbage of the worst process stays; empty: it does not, or not known.
  std::string collector_problem;
  std::vector<StackEvidence> stacks;      // of the growing types, best first
  std::vector<EvidenceRequest> requests;  // newest of each process asked
  // Of the worst process: shares of its live blocks that were looked at, and
  // that have a type.
  std::optional<double> census_coverage, typed_share;
  Traffic traffic;
  std::vector<RegionGrowth> regions;
  std::vector<Neighbour> neighbours;  // where the node's memory is the limit
  // The worst region with the next, the worst version with the others.
  std::optional<GroupComparison> regions_compared, versions_compared;
  PageText text;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INCIDENT_H_
