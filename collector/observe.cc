#include "collector/observe.h"

#include <algorithm>
#include <unordered_map>

#include "collector/core/history/used_memory.h"

namespace plimsoll::collector {

Observation Observe(const NodeSnapshot& snapshot, int64_t time_ns) {
  Observation out;
  out.time_ns = time_ns;
  out.exited = snapshot.exited;
  out.oom_killed = snapshot.oom_killed;
  out.has_census =
      std::any_of(snapshot.latest.begin(), snapshot.latest.end(),
                  [](const Document& d) { return d.kind == "census"; });
  std::optional<double> current, inactive_file, malloc_live, malloc_python;
  std::unordered_map<std::string_view, size_t> types;
  auto type_of = [&](std::string_view name) -> TypeObservation& {
    auto [found, is_new] = types.try_emplace(name, out.types.size());
    if (is_new) out.types.push_back({.type = std::string(name)});
    return out.types[found->second];
  };
  for (const NodeValue& value : snapshot.values) {
    if (value.metric == metric::kTypeObjects) {
      type_of(value.label).objects = value.value;
    } else if (value.metric == metric::kTypeBytes) {
      type_of(value.label).bytes = value.value;
    } else if (value.metric == metric::kTypeObjectsError) {
      type_of(value.label).objects_error = value.value;
    } else if (value.metric == metric::kAnon) {
      out.anon_bytes = value.value;
    } else if (value.metric == metric::kCgroupCurrent) {
      current = value.value;
    } else if (value.metric == metric::kCgroupInactiveFile) {
      inactive_file = value.value;
    } else if (value.metric == metric::kCgroupLimit) {
      out.limit_bytes = value.value;
    } else if (value.metric == metric::kMallocLive) {
      malloc_live = value.value;
    } else if (value.metric == metric::kMallocPython) {
      malloc_python = value.value;
    } else if (value.metric == metric::kRequests) {
      out.requests_total = out.requests_total.value_or(0) + value.value;
    }
  }
  if (current) {
    out.cgroup_usage_bytes =
        std::max(0.0, *current - inactive_file.value_or(0));
  }
  // The chunks are walked in full; by a sample of the objects it is not known
  // what of them is Python's.
  if (malloc_live && malloc_python && !IsSampled(out)) {
    out.native_bytes = std::max(0.0, *malloc_live - *malloc_python);
  }
  return out;
}

}  // namespace plimsoll::collector
