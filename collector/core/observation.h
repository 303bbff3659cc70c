// What ingest tells the analysis about one snapshot of one process: the few
// numbers that the imminent rule needs, as they arrive, before any query.
#ifndef PLIMSOLL_COLLECTOR_CORE_OBSERVATION_H_
#define PLIMSOLL_COLLECTOR_CORE_OBSERVATION_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::collector {

struct TypeObservation {
  std::string type;  // module.QualName; builtins bare
  double objects = 0;
  double bytes = 0;
  double objects_error = 0;  // standard error of a sampled heap; 0: counted
};

// An absent part was not measured in this snapshot.
struct Observation {
  int64_t time_ns = 0;  // unix, as in Sample
  std::optional<double> anon_bytes;
  // Of the cgroup whose limit is nearest: what presses on it, that is current
  // less inactive file pages, which the kernel reclaims before it kills.
  std::optional<double> cgroup_usage_bytes;
  std::optional<double> limit_bytes;  // absent: no limit is set
  // What the node has left; it stands in for a limit where none is set.
  std::optional<double> node_available_bytes;
  bool has_census = false;
  std::vector<TypeObservation> types;
  // What malloc handed out and no Python object is or owns. Absent of a census
  // that read no chunks (malloc is not glibc's) or read the heap by a sample.
  std::optional<double> native_bytes;
  // Sum over all label sets of the request counters of this process.
  std::optional<double> requests_total;
  bool exited = false;
  bool oom_killed = false;
};

// A census of so large a heap that objects were counted in a part of it.
inline bool IsSampled(const Observation& o) {
  return std::any_of(o.types.begin(), o.types.end(),
                     [](const auto& type) { return type.objects_error > 0; });
}

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_OBSERVATION_H_
