#include "collector/core/history/recent_history.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "collector/core/history/used_memory.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kHistoryNs = 600'000'000'000;
constexpr int64_t kAliveNs = 120'000'000'000;

class History {
 public:
  History(const FleetReader& reader, ProcessKey process, int64_t now_ns)
      : reader_(reader), process_(process), now_ns_(now_ns) {}

  absl::StatusOr<std::vector<Sample>> Read(const char* metric,
                                           const std::string& label) const {
    return reader_.Read(process_, {metric, label}, now_ns_ - kHistoryNs,
                        now_ns_ + 1);
  }

  absl::Status AddMemory() {
    PLIMSOLL_ASSIGN_OR_RETURN(const auto anon, Read(metric::kAnon, ""));
    PLIMSOLL_ASSIGN_OR_RETURN(const auto limit, Read(metric::kCgroupLimit, ""));
    PLIMSOLL_ASSIGN_OR_RETURN(const auto current,
                              Read(metric::kCgroupCurrent, ""));
    PLIMSOLL_ASSIGN_OR_RETURN(const auto inactive,
                              Read(metric::kCgroupInactiveFile, ""));
    for (const Sample& s : anon) At(s.time_ns).anon_bytes = s.value;
    for (const Sample& s : current) {
      At(s.time_ns).cgroup_usage_bytes = s.value;
    }
    for (const Sample& s : inactive) {
      auto& usage = At(s.time_ns).cgroup_usage_bytes;
      if (usage) *usage -= s.value;
    }
    for (const Sample& s : limit) At(s.time_ns).limit_bytes = s.value;
    return absl::OkStatus();
  }

  bool Grew(const ImminentThresholds& thresholds) const {
    double first = -1, last = 0, limit = 0;
    for (const auto& [t, o] : observations_) {
      if (o.limit_bytes) limit = *o.limit_bytes;
      if (!o.anon_bytes) continue;
      if (first < 0) first = *o.anon_bytes;
      last = *o.anon_bytes;
    }
    return limit > 0 &&
           last - first > 0.5 * thresholds.min_gain_of_limit * limit;
  }

  absl::Status AddTypes() {
    PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                              reader_.Series(process_, metric::kTypeObjects));
    for (const SeriesName& name : names) {
      PLIMSOLL_ASSIGN_OR_RETURN(const auto objects,
                                Read(metric::kTypeObjects, name.label));
      PLIMSOLL_ASSIGN_OR_RETURN(const auto bytes,
                                Read(metric::kTypeBytes, name.label));
      PLIMSOLL_ASSIGN_OR_RETURN(const auto errors,
                                Read(metric::kTypeObjectsError, name.label));
      const auto at = [](const std::vector<Sample>& samples, int64_t time_ns) {
        const auto same = std::find_if(
            samples.begin(), samples.end(),
            [&](const Sample& one) { return one.time_ns == time_ns; });
        return same == samples.end() ? 0 : same->value;
      };
      for (const Sample& s : objects) {
        Observation& o = At(s.time_ns);
        o.has_census = true;
        o.types.push_back(
            {name.label, s.value, at(bytes, s.time_ns), at(errors, s.time_ns)});
      }
    }
    return absl::OkStatus();
  }

  // After the types: of a sampled heap it is not known.
  absl::Status AddNative() {
    PLIMSOLL_ASSIGN_OR_RETURN(const auto live, Read(metric::kMallocLive, ""));
    PLIMSOLL_ASSIGN_OR_RETURN(const auto python,
                              Read(metric::kMallocPython, ""));
    std::map<int64_t, double> of_python;
    for (const Sample& s : python) of_python[s.time_ns] = s.value;
    for (const Sample& s : live) {
      Observation& o = At(s.time_ns);
      const auto at = of_python.find(s.time_ns);
      if (IsSampled(o) || at == of_python.end()) continue;
      o.native_bytes = std::max(0.0, s.value - at->second);
    }
    return absl::OkStatus();
  }

  const std::map<int64_t, Observation>& observations() const {
    return observations_;
  }

 private:
  Observation& At(int64_t time_ns) {
    Observation& o = observations_[time_ns];
    o.time_ns = time_ns;
    return o;
  }

  const FleetReader& reader_;
  const ProcessKey process_;
  const int64_t now_ns_;
  std::map<int64_t, Observation> observations_;
};

}  // namespace

absl::Status ReplayRecent(
    const FleetReader& reader, const ImminentThresholds& thresholds,
    int64_t now_ns,
    const std::function<void(const ProcessInfo&, const Observation&)>&
        observe) {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto processes,
                            reader.Processes(now_ns - kAliveNs));
  absl::Status first;
  for (const ProcessInfo& info : processes) {
    if (info.exited) continue;
    History history(reader, info.key, now_ns);
    absl::Status status = history.AddMemory();
    if (status.ok() && history.Grew(thresholds)) {
      status = history.AddTypes();
      if (status.ok()) status = history.AddNative();
    }
    first.Update(status);
    for (const auto& [time, observation] : history.observations()) {
      observe(info, observation);
    }
  }
  return first;
}

}  // namespace plimsoll::collector
