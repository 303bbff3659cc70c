#include "collector/core/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "collector/core/diagnosis_stored.h"

namespace plimsoll::collector {
namespace {

constexpr size_t kMostTypes = 10;
constexpr size_t kMostProcesses = 50;

std::optional<TimeToLimit> TimeToLimitOf(const ProcessTrend& trend) {
  const ImminentFinding& f = trend.finding;
  if (f.limit_bytes <= 0) return std::nullopt;
  if (f.holds) return f.time_to_limit;
  if (trend.judged) return trend.judged->time_to_limit;
  if (!trend.recent_bytes_per_s || trend.recent_bytes_per_s->hi <= 0) {
    return std::nullopt;
  }
  const double headroom = std::max(0.0, f.limit_bytes - f.usage_bytes);
  const Estimate& slope = *trend.recent_bytes_per_s;
  TimeToLimit time;
  time.lo_s = headroom / slope.hi;
  if (slope.lo > 0) time.hi_s = headroom / slope.lo;
  return time;
}

AffectedProcess Affected(const ProcessTrend& trend, bool leaking) {
  AffectedProcess p;
  p.process = trend.info.key;
  p.pid = trend.info.pid;
  p.pod = trend.info.pod;
  p.node = trend.info.node;
  p.region = trend.info.region;
  p.version = trend.info.version;
  p.leaking = leaking;
  if (trend.recent_bytes_per_s) p.bytes_per_s = *trend.recent_bytes_per_s;
  if (trend.judged) p.bytes_per_s = trend.judged->bytes_per_s;
  if (trend.finding.holds) p.bytes_per_s = trend.finding.bytes_per_s;
  if (trend.finding.usage_bytes > 0) p.usage_bytes = trend.finding.usage_bytes;
  if (trend.finding.limit_bytes > 0) p.limit_bytes = trend.finding.limit_bytes;
  if (leaking) p.time_to_limit = TimeToLimitOf(trend);
  return p;
}

// Mean of independent estimates.
Estimate Mean(const std::vector<Estimate>& estimates) {
  Estimate mean{0, 0, 0};
  double lo = 0, hi = 0;
  const double n = static_cast<double>(estimates.size());
  for (const Estimate& e : estimates) {
    mean.value += e.value / n;
    lo += (e.value - e.lo) * (e.value - e.lo);
    hi += (e.hi - e.value) * (e.hi - e.value);
  }
  mean.lo = mean.value - std::sqrt(lo) / n;
  mean.hi = mean.value + std::sqrt(hi) / n;
  return mean;
}

void SummariseProcesses(Incident& incident) {
  std::vector<Estimate> slopes;
  incident.time_to_limit.reset();
  for (const AffectedProcess& p : incident.processes) {
    if (!p.leaking) continue;
    slopes.push_back(p.bytes_per_s);
    if (p.time_to_limit &&
        (!incident.time_to_limit ||
         p.time_to_limit->lo_s < incident.time_to_limit->lo_s)) {
      incident.time_to_limit = p.time_to_limit;
    }
  }
  if (!slopes.empty()) incident.bytes_per_s = Mean(slopes);
}

void SummariseRegions(Incident& incident) {
  std::map<std::string, std::vector<const AffectedProcess*>> regions;
  for (const AffectedProcess& p : incident.processes) {
    if (std::isfinite(p.bytes_per_s.lo)) regions[p.region].push_back(&p);
  }
  incident.regions.clear();
  for (const auto& [name, processes] : regions) {
    RegionGrowth region;
    region.region = name;
    std::vector<Estimate> slopes;
    for (const AffectedProcess* p : processes) {
      ++region.processes;
      region.leaking += p->leaking ? 1 : 0;
      slopes.push_back(p->bytes_per_s);
    }
    region.bytes_per_process_s = Mean(slopes);
    incident.regions.push_back(std::move(region));
  }
  std::stable_sort(incident.regions.begin(), incident.regions.end(),
                   [](const RegionGrowth& a, const RegionGrowth& b) {
                     return a.bytes_per_process_s.value >
                            b.bytes_per_process_s.value;
                   });
}

}  // namespace

bool IsGrowing(const ProcessTrend& trend, const Thresholds& thresholds) {
  if (trend.exited) return false;
  if (trend.finding.holds || trend.judged) return true;
  if (!trend.recent_bytes_per_s || trend.types.empty()) return false;
  const double limit = trend.finding.limit_bytes > 0
                           ? trend.finding.limit_bytes
                           : thresholds.judgement.assumed_limit_bytes;
  return trend.recent_bytes_per_s->lo * 3600 >
         thresholds.judgement.page_floor_per_h * limit;
}

void DiagnoseTrends(const std::vector<ProcessTrend>& trends,
                    const Thresholds& thresholds, int64_t now_ns,
                    Incident& incident) {
  std::set<ProcessKey> before;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking) before.insert(p.process);
  }
  const int64_t unseen =
      now_ns - static_cast<int64_t>(thresholds.incident.gone_s * 1e9);
  std::vector<AffectedProcess> processes;
  std::vector<std::vector<TypeTrend>> types;
  std::set<std::string> pods;
  double growth = 0, window = 0;
  for (const ProcessTrend& trend : trends) {
    if (trend.exited || trend.last_seen_ns < unseen) continue;
    const bool leaking =
        IsGrowing(trend, thresholds) ||
        (before.contains(trend.info.key) && !trend.recent_bytes_per_s);
    processes.push_back(Affected(trend, leaking));
    if (!trend.info.pod.empty()) pods.insert(trend.info.pod);
    if (!leaking) continue;
    types.push_back(trend.types);
    growth += std::max(0.0, processes.back().bytes_per_s.value);
    window =
        std::max({window, trend.finding.window_s,
                  trend.judged ? trend.judged->window_s : 0,
                  std::min(600.0, static_cast<double>(trend.last_seen_ns -
                                                      trend.watched_from_ns) /
                                      1e9)});
  }
  const bool any =
      std::any_of(processes.begin(), processes.end(),
                  [](const AffectedProcess& p) { return p.leaking; });
  if (!any) return;
  std::stable_sort(processes.begin(), processes.end(),
                   [](const AffectedProcess& a, const AffectedProcess& b) {
                     if (a.leaking != b.leaking) return a.leaking;
                     return a.bytes_per_s.value > b.bytes_per_s.value;
                   });
  incident.workload_processes = static_cast<int32_t>(processes.size());
  incident.workload_pods = static_cast<int32_t>(pods.size());
  if (processes.size() > kMostProcesses) processes.resize(kMostProcesses);
  incident.processes = std::move(processes);
  if (window > 0) incident.window_s = window;
  std::vector<GrowingType> ranked = RankTypes(types, growth);
  if (ranked.size() > kMostTypes) ranked.resize(kMostTypes);
  if (!ranked.empty()) incident.types = std::move(ranked);
  SummariseProcesses(incident);
  SummariseRegions(incident);
}

absl::Status DiagnoseStored(const FleetReader& reader,
                            const Thresholds& thresholds, int64_t now_ns,
                            Incident& incident) {
  absl::Status first = ReadTypes(reader, now_ns, incident);
  first.Update(ReadShares(reader, now_ns, incident));
  first.Update(ReadCoverage(reader, incident));
  first.Update(ReadStacks(reader, now_ns, incident));
  first.Update(ReadTraffic(reader, thresholds.traffic, now_ns, incident));
  return first;
}

}  // namespace plimsoll::collector
