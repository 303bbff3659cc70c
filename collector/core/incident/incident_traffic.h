// Which traffic makes a workload leak, and how its regions and versions
// compare: the part of an incident that its requests tell. Plain values.
#ifndef PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_TRAFFIC_H_
#define PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_TRAFFIC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/core/estimate.h"

namespace plimsoll::collector {

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
  // Of "any request": attributes that all of them have, such as
  // "endpoint=recipe", sorted. What varies is not to blame; this is what else
  // is known of the traffic.
  std::vector<std::string> all_have;
  friend bool operator==(const TrafficCause&, const TrafficCause&) = default;
};

// Growth that goes with a gauge which the service keeps: what it holds is
// large, and nothing says that requests lose it.
struct StateCause {
  std::string gauge;       // "vehicles"
  std::string attributes;  // "city=singapore"; "": all of it
  Estimate bytes_per_unit;
  double share = 0;          // of the growth
  double from = 0, to = 0;   // the gauge, over all processes looked at
  double placebo_share = 0;  // as above
  // Requests or gauges that do as well in its place, as they are shown.
  std::vector<std::string> inseparable_from;
  friend bool operator==(const StateCause&, const StateCause&) = default;
};

struct Traffic {
  std::vector<TrafficCause> causes;
  std::vector<StateCause> states;
  double unexplained_share = 1;
  int64_t looks = 0;  // increments that the estimate stands on
  int64_t at_ns = 0;  // when it was made
  // What was regressed, and what the bytes per request are bytes of: "live
  // bytes of T", "live Python objects", "anonymous memory".
  std::string signal, bytes_of;
  std::string not_known;  // why there is no cause; empty when there is
  friend bool operator==(const Traffic&, const Traffic&) = default;
};

struct RegionGrowth {
  std::string region;
  // Where it is that of the same service in another cluster; else empty.
  std::string cluster;
  int32_t processes = 0;  // helpers are not counted
  int32_t leaking = 0;
  Estimate bytes_per_s;                       // mean over its instances
  std::optional<Estimate> bytes_per_request;  // of the traffic cause
  friend bool operator==(const RegionGrowth&, const RegionGrowth&) = default;
};

// Of the leaking instances of a workload those of one region or one version,
// where they surely leak faster than the others (instances.h).
struct WorstGroup {
  std::string kind;  // "region" or "version"
  std::string name;
  std::vector<std::string> others;  // the groups that leak beside it
  int32_t instances = 0;
  Estimate bytes_per_s;  // mean over them
  friend bool operator==(const WorstGroup&, const WorstGroup&) = default;
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

// Whether a leak began with a version (version_onset.h): what its lives gain at
// an age, and what those of the version before gained at the same age.
struct VersionOnset {
  std::string version, before;
  int64_t began_ns = 0;  // the first start of `version`
  double from_age_s = 0, to_age_s = 0;
  int32_t lives = 0, lives_before = 0;
  // Mean of a life: bytes per second or, where the requests of all of them are
  // counted, per request.
  Estimate growth, growth_before;
  bool per_request = false;
  bool not_before = false;  // the version before surely did not leak
  bool as_before = false;   // it surely gained more than half as much
  // Of one that the version before had not, how sure it is that it began with
  // the lives of this one (onset_time.h): surely, surely not, or neither yet.
  double with_version = 0.5;
  bool began = false, later = false;
  // When, where it came later: the middle, and where it is with 95 % surety.
  int64_t since_ns = 0, since_from_ns = 0, since_to_ns = 0;
  std::string not_told;  // why there are no figures
  int64_t at_ns = 0;     // when it was judged; 0: not yet
  friend bool operator==(const VersionOnset&, const VersionOnset&) = default;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_TRAFFIC_H_
