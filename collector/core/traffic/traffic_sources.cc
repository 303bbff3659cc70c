#include "collector/core/traffic/traffic_sources.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLeastWindowNs = 3600 * kSecond;
constexpr int64_t kMostWindowNs = 24 * kLeastWindowNs;
constexpr size_t kMostProcesses = 24;
constexpr size_t kFewestSamples = 8;
constexpr double kMostOfThem = 0.6;

int64_t WindowFrom(const Incident& incident, int64_t now_ns) {
  const int64_t opened = incident.opened_ns > 0 ? incident.opened_ns : now_ns;
  const int64_t window = static_cast<int64_t>(incident.window_s * 1e9);
  return std::clamp(opened - window, now_ns - kMostWindowNs,
                    now_ns - kLeastWindowNs);
}

absl::StatusOr<TrafficSeries> SeriesOf(const FleetReader& reader,
                                       const ProcessInfo& info, int64_t from,
                                       int64_t to) {
  TrafficSeries series;
  series.start_ns = info.start_unix_ns;
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                            reader.Series(info.key, metric::kRequests));
  for (const SeriesName& name : names) {
    PLIMSOLL_ASSIGN_OR_RETURN(auto samples,
                              reader.Read(info.key, name, from, to));
    if (!samples.empty()) series.requests[name.label] = std::move(samples);
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const auto gauges,
                            reader.Series(info.key, metric::kGauge));
  for (const SeriesName& name : gauges) {
    PLIMSOLL_ASSIGN_OR_RETURN(auto samples,
                              reader.Read(info.key, name, from, to));
    if (!samples.empty()) series.gauges[name.label] = std::move(samples);
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      series.bytes, reader.Read(info.key, {metric::kAnon, ""}, from, to));
  return series;
}

// Versions that leak; empty where they are not told apart by it.
std::set<std::string> LeakingVersions(const Incident& incident) {
  std::set<std::string> leaking, all;
  for (const AffectedProcess& p : incident.processes) {
    if (p.helper) continue;
    all.insert(p.version);
    if (p.leaking) leaking.insert(p.version);
  }
  return leaking.size() < all.size() ? leaking : std::set<std::string>();
}

struct Wanted {
  ProcessInfo info;
  const AffectedProcess* affected = nullptr;  // null: of none that is alive
  bool elsewhere = false;                     // in another cluster
};

// The incident's own, worst first, then what ended, then other clusters'.
std::vector<Wanted> WantedOf(const Incident& incident,
                             const std::vector<ProcessInfo>& infos) {
  std::vector<Wanted> wanted;
  std::set<ProcessKey> known;
  for (const AffectedProcess& p : incident.processes) {
    known.insert(p.process);
    if (p.helper) continue;
    ProcessInfo info;
    for (const ProcessInfo& each : infos) {
      if (each.key == p.process) info = each;
    }
    info.key = p.process;
    info.region = p.region;
    info.version = p.version;
    wanted.push_back({std::move(info), &p, false});
  }
  for (const bool elsewhere : {false, true}) {
    for (const ProcessInfo& info : infos) {
      if (known.contains(info.key) ||
          !SameService(info.workload, incident.workload) ||
          (info.workload != incident.workload) != elsewhere) {
        continue;
      }
      wanted.push_back({info, nullptr, elsewhere});
    }
  }
  return wanted;
}

// One of each region in turn, each region in its order: where not all are
// read, none of the regions is left out.
std::vector<Wanted> TakeTurns(const std::vector<Wanted>& wanted) {
  std::map<std::string, size_t> so_far;
  std::vector<std::pair<size_t, const Wanted*>> turns;
  for (const Wanted& one : wanted) {
    turns.emplace_back(so_far[one.info.region]++, &one);
  }
  std::stable_sort(
      turns.begin(), turns.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Wanted> out;
  for (const auto& [turn, one] : turns) out.push_back(*one);
  return out;
}

// One of the signals beside anonymous memory, or nothing where too few have it.
absl::StatusOr<TrafficSignal> SignalOf(
    const FleetReader& reader, const std::vector<TrafficProcess>& processes,
    const SeriesName& metric, std::string name, int64_t now_ns) {
  TrafficSignal signal;
  signal.name = std::move(name);
  size_t have = 0;
  for (const TrafficProcess& p : processes) {
    TrafficSeries series = p.series;
    series.bytes.clear();
    const int64_t from = p.series.bytes.front().time_ns;
    PLIMSOLL_ASSIGN_OR_RETURN(
        series.bytes, reader.Read(p.info.key, metric, from, now_ns + 1));
    have += series.bytes.size() >= kFewestSamples ? 1 : 0;
    signal.series.push_back(std::move(series));
  }
  if (static_cast<double>(have) <
      kMostOfThem * static_cast<double>(processes.size())) {
    signal.series.clear();
  }
  return signal;
}

}  // namespace

absl::StatusOr<std::vector<TrafficProcess>> ReadTrafficProcesses(
    const FleetReader& reader, const Incident& incident, int64_t now_ns) {
  const int64_t from = WindowFrom(incident, now_ns);
  PLIMSOLL_ASSIGN_OR_RETURN(const auto infos, reader.Processes(from));
  const std::set<std::string> versions = LeakingVersions(incident);
  std::vector<TrafficProcess> out;
  for (const Wanted& one : TakeTurns(WantedOf(incident, infos))) {
    if (out.size() >= kMostProcesses) break;
    TrafficProcess process;
    process.elsewhere = one.elsewhere;
    process.of_leaking_version =
        !one.elsewhere &&
        (versions.empty() || versions.contains(one.info.version));
    process.info = one.info;
    process.leaking = one.affected != nullptr && one.affected->leaking;
    if (one.affected != nullptr) process.instance = one.affected->instance;
    PLIMSOLL_ASSIGN_OR_RETURN(process.series,
                              SeriesOf(reader, one.info, from, now_ns + 1));
    const TrafficSeries& series = process.series;
    if ((series.requests.empty() && series.gauges.empty()) ||
        series.bytes.size() < 3) {
      continue;
    }
    out.push_back(std::move(process));
  }
  return out;
}

absl::StatusOr<std::vector<TrafficSignal>> ReadTrafficSignals(
    const FleetReader& reader, const Incident& incident,
    const std::vector<TrafficProcess>& processes, int64_t now_ns) {
  std::vector<TrafficSignal> signals;
  if (processes.empty()) return signals;
  std::vector<std::pair<SeriesName, std::string>> wanted;
  if (!incident.types.empty()) {
    const std::string& type = incident.types.front().type;
    wanted.push_back({{metric::kTypeBytes, type}, "live bytes of " + type});
  }
  wanted.push_back({{metric::kLiveBytes, ""}, "live Python objects"});
  for (auto& [metric, name] : wanted) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        TrafficSignal signal,
        SignalOf(reader, processes, metric, std::move(name), now_ns));
    if (!signal.series.empty()) signals.push_back(std::move(signal));
  }
  TrafficSignal memory;
  memory.name = "anonymous memory";
  for (const TrafficProcess& p : processes) memory.series.push_back(p.series);
  signals.push_back(std::move(memory));
  return signals;
}

}  // namespace plimsoll::collector
