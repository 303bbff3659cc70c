// An incident: one leak of one workload, from the first suspicion to its end.
// Its key is workload + cause class; regions, versions and processes are listed
// inside. Plain values; collector/core/incident/incident_json.h writes and
// reads them.
#ifndef PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_H_
#define PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/fleet.h"
#include "collector/core/incident/incident_traffic.h"
#include "collector/core/incident/verdict.h"

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

// How anonymous memory's growth divides, each as a share of it, and the 95 %
// interval of each, where there are censuses enough for one.
struct GrowthShares {
  using Interval = std::array<double, 2>;
  std::optional<double> python, free, native;
  std::optional<Interval> python_ci = {}, free_ci = {}, native_ci = {};
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
  // What people were told before another cause came on top; kUnknown: none.
  Verdict cause_before = Verdict::kUnknown;
  IncidentState state = IncidentState::kPending;
  bool page = true;  // false: a ticket
  std::string rule;  // "imminent" or "judgement"
  int64_t opened_ns = 0;
  int64_t fired_ns = 0;     // 0: not yet
  int64_t raised_ns = 0;    // when a ticket became a page; 0: it did not
  int64_t resolved_ns = 0;  // 0: not yet
  int64_t updated_ns = 0;
  int64_t evidence_requested_ns = 0;
  std::string evidence_problem;  // why there is none, in words; or empty
  // Why what stays could not be followed, where no line of `stacks` was.
  std::string follow_problem;
  std::string owner;               // who is to act; settled when it fires
  std::optional<Silence> silence;  // of Alertmanager, while it holds
  std::vector<Told> told;          // by target: the newest that it accepted
  std::string resolve_reason;
  double window_s = 0;   // what the slope was estimated over
  Estimate bytes_per_s;  // of one leaking instance: the mean over them
  std::optional<WorstGroup> worst_group;  // whose rate the title has
  // Why the interval may miss, or empty: of the first that has a reason.
  std::string model_limited;
  std::optional<TimeToLimit> time_to_limit;  // of the first to die
  bool limit_of_node = false;                // its limit is its node's memory
  // Where that has swap left: until the node has nothing else.
  std::optional<TimeToLimit> time_to_swap;
  // What all Python processes there take that surely grow, where others do
  // beside the worst: the time left is then by this.
  std::optional<Estimate> node_loses_bytes_per_s;
  std::vector<AffectedProcess> processes;  // worst first
  // Seen alive in all, helpers not counted.
  int32_t workload_processes = 0;
  int32_t workload_instances = 0;
  int32_t leaking_processes = 0;
  int32_t leaking_instances = 0;
  std::string instance_kind;  // "pod", "cgroup", "process"; "instance": mixed
  std::vector<GrowingType> types;
  // Native memory in use, where it rises steadily by the imminent rule; of one
  // leaking instance: the mean over them.
  std::optional<Estimate> native_bytes_per_s;
  GrowthShares shares;
  // Why garbage of the worst process stays; empty: it does not, or not known.
  std::string collector_problem;
  // What garbage may stay in it for long, where nothing says that it is much.
  std::string collector_doubt;
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
  std::optional<VersionOnset> version_onset;
  PageText text;
};

// How much of the growth is native memory in use; nothing where that does not
// rise steadily.
std::optional<double> NativeShare(const Incident& incident);
// The full judgement found it, whichever rule raised it since: what it finds
// comes and goes over hours.
bool IsJudged(const Incident& incident);
// People were told another cause. "leak" was none, but that none could be told.
void NoteFormerCause(Verdict told, Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_H_
