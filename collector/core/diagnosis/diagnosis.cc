#include "collector/core/diagnosis/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "collector/core/diagnosis/by_hand.h"
#include "collector/core/diagnosis/cause.h"
#include "collector/core/diagnosis/diagnosis_stored.h"
#include "collector/core/diagnosis/instances.h"
#include "collector/core/diagnosis/neighbours.h"
#include "collector/core/diagnosis/version_onset.h"
#include "collector/core/stats/random_effects.h"

namespace plimsoll::collector {
namespace {

constexpr size_t kMostTypes = 10;
constexpr size_t kMostProcesses = 50;

bool WorstFirst(const AffectedProcess& a, const AffectedProcess& b) {
  if (a.leaking != b.leaking) return a.leaking;
  if (a.helper != b.helper) return b.helper;
  return a.bytes_per_s.value > b.bytes_per_s.value;
}

// A judged slope is the mean of hours. Of an incident that the imminent rule
// has seen turn acute it is out of date where the last minutes are surely past
// it.
const ProcessJudgement* JudgedNow(const ProcessTrend& trend, bool acute) {
  if (!trend.judged) return nullptr;
  const bool past = acute && trend.recent_bytes_per_s &&
                    trend.recent_bytes_per_s->lo > trend.judged->bytes_per_s.hi;
  return past ? nullptr : &*trend.judged;
}

std::optional<TimeToLimit> TimeToLimitOf(const ProcessTrend& trend,
                                         const ProcessJudgement* judged) {
  const ImminentFinding& f = trend.finding;
  if (f.limit_bytes <= 0) return std::nullopt;
  if (f.holds) return f.time_to_limit;
  if (judged != nullptr) return judged->time_to_limit;
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

bool HasOwnLimit(const ProcessTrend& trend) {
  return trend.finding.limit_bytes > 0 && !trend.finding.limit_of_node;
}

AffectedProcess Affected(const ProcessTrend& trend, bool leaking,
                         const ProcessJudgement* judged) {
  AffectedProcess p;
  p.process = trend.info.key;
  p.pid = trend.info.pid;
  p.pod = trend.info.pod;
  p.node = trend.info.node;
  p.region = trend.info.region;
  p.version = trend.info.version;
  p.by_hand = StartedByHand(trend.info);
  p.instance = InstanceOf(trend.info, HasOwnLimit(trend));
  p.limit_of_node = trend.finding.limit_of_node;
  p.leaking = leaking;
  p.pressed = trend.finding.holds;
  if (trend.recent_bytes_per_s) p.bytes_per_s = *trend.recent_bytes_per_s;
  if (judged != nullptr) {
    p.bytes_per_s = judged->bytes_per_s;
    p.model_limited = judged->model_limited;
  }
  if (trend.finding.holds) {
    p.bytes_per_s = trend.finding.bytes_per_s;
    p.model_limited.clear();
  }
  if (trend.finding.usage_bytes > 0) p.usage_bytes = trend.finding.usage_bytes;
  if (trend.finding.limit_bytes > 0) p.limit_bytes = trend.finding.limit_bytes;
  if (leaking) p.time_to_limit = TimeToLimitOf(trend, judged);
  return p;
}

ProcessWork WorkOf(const ProcessTrend& trend) {
  const ProcessInfo& info = trend.info;
  return {info.pid, info.parent_pid,
          info.agent_id + " " + info.pod + " " + info.cgroup, trend.serves};
}

// The processes of one cluster, worst first, with their roles.
std::vector<AffectedProcess> InCluster(
    const std::vector<const ProcessTrend*>& trends,
    const Thresholds& thresholds) {
  std::vector<AffectedProcess> processes;
  std::vector<ProcessWork> works;
  for (const ProcessTrend* trend : trends) {
    works.push_back(WorkOf(*trend));
    processes.push_back(Affected(*trend, IsGrowing(*trend, thresholds),
                                 JudgedNow(*trend, false)));
  }
  MarkRoles(works, processes);
  return processes;
}

// Adds to each region what these processes are and how they grow.
using Slopes = std::map<std::string, std::vector<Estimate>>;
void AddToRegions(const std::vector<AffectedProcess>& processes,
                  const std::string& cluster,
                  std::map<std::string, RegionGrowth>& regions,
                  Slopes& slopes) {
  std::set<std::string> mine;
  for (const InstanceGrowth& i : GroupInstances(processes)) {
    slopes[i.region].push_back(i.bytes_per_s);
    mine.insert(i.region);
  }
  for (const std::string& name : mine) {
    const auto [at, is_new] = regions.try_emplace(name);
    at->second.region = name;
    if (is_new) at->second.cluster = cluster;
    for (const AffectedProcess& p : processes) {
      if (p.helper || p.region != name) continue;
      ++at->second.processes;
      at->second.leaking += p.leaking ? 1 : 0;
    }
  }
}

void SummariseRegions(const std::vector<ProcessTrend>& elsewhere,
                      const Thresholds& thresholds, int64_t unseen_ns,
                      Incident& incident) {
  std::map<std::string, RegionGrowth> regions;
  Slopes slopes;
  AddToRegions(incident.processes, "", regions, slopes);
  std::map<std::string, std::vector<const ProcessTrend*>> clusters;
  for (const ProcessTrend& trend : elsewhere) {
    if (trend.exited || trend.last_seen_ns < unseen_ns) continue;
    clusters[trend.info.workload.cluster].push_back(&trend);
  }
  for (const auto& [cluster, trends] : clusters) {
    AddToRegions(InCluster(trends, thresholds), cluster, regions, slopes);
  }
  incident.regions.clear();
  for (auto& [name, region] : regions) {
    region.bytes_per_s = MeanRate(slopes[name]);
    incident.regions.push_back(std::move(region));
  }
  std::stable_sort(incident.regions.begin(), incident.regions.end(),
                   [](const RegionGrowth& a, const RegionGrowth& b) {
                     return a.bytes_per_s.value > b.bytes_per_s.value;
                   });
}

void Count(Incident& incident) {
  std::set<std::string> instances;
  incident.workload_processes = incident.leaking_processes = 0;
  incident.model_limited.clear();
  for (const AffectedProcess& p : incident.processes) {
    if (p.helper) continue;
    ++incident.workload_processes;
    incident.leaking_processes += p.leaking ? 1 : 0;
    instances.insert(p.instance);
    if (p.leaking && incident.model_limited.empty()) {
      incident.model_limited = p.model_limited;
    }
  }
  incident.workload_instances = static_cast<int32_t>(instances.size());
}

std::set<ProcessKey> Leaking(const Incident& incident) {
  std::set<ProcessKey> leaking;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking) leaking.insert(p.process);
  }
  return leaking;
}

// The types of the leaking ones, as the mean over their instances.
void SummariseTypes(const std::vector<const ProcessTrend*>& trends,
                    Incident& incident) {
  const std::set<ProcessKey> leaking = Leaking(incident);
  std::vector<std::vector<TypeTrend>> types;
  for (const ProcessTrend* trend : trends) {
    if (leaking.contains(trend->info.key)) types.push_back(trend->types);
  }
  const double instances = std::max(1, incident.leaking_instances);
  std::vector<GrowingType> ranked =
      RankTypes(types, instances * incident.bytes_per_s.value);
  DivideTypes(instances, ranked);
  if (ranked.size() > kMostTypes) ranked.resize(kMostTypes);
  if (!ranked.empty()) incident.types = std::move(ranked);
}

// Where it rises in one of the leaking ones, what it gains in all of them.
void SummariseNative(const std::vector<const ProcessTrend*>& trends,
                     Incident& incident) {
  const std::set<ProcessKey> leaking = Leaking(incident);
  std::vector<Estimate> slopes;
  bool rising = false;
  for (const ProcessTrend* trend : trends) {
    if (!trend->native || !leaking.contains(trend->info.key)) continue;
    slopes.push_back(trend->native->bytes_per_s);
    rising = rising || trend->native->rising;
  }
  if (!rising) return;
  incident.native_bytes_per_s =
      Scaled(SumOf(slopes), 1.0 / std::max(1, incident.leaking_instances));
}

// Of the slope that Affected takes.
double WindowOf(const ProcessTrend& trend, const ProcessJudgement* judged) {
  if (!trend.finding.holds && judged != nullptr) return judged->window_s;
  const double watched =
      static_cast<double>(trend.last_seen_ns - trend.watched_from_ns) / 1e9;
  return std::max(trend.finding.window_s, std::min(600.0, watched));
}

}  // namespace

bool IsGrowing(const ProcessTrend& trend, const Thresholds& thresholds) {
  if (trend.exited) return false;
  if (trend.finding.holds || trend.judged) return true;
  const bool rises =
      (trend.native && trend.native->rising) ||
      std::any_of(trend.types.begin(), trend.types.end(),
                  [](const TypeTrend& type) { return type.rising; });
  if (!trend.recent_bytes_per_s || !rises) return false;
  const double limit = HasOwnLimit(trend)
                           ? trend.finding.limit_bytes
                           : thresholds.judgement.assumed_limit_bytes;
  return trend.recent_bytes_per_s->lo * 3600 >
         thresholds.judgement.page_floor_per_h * limit;
}

void DiagnoseTrends(const std::vector<ProcessTrend>& trends,
                    const std::vector<ProcessTrend>& elsewhere,
                    const Thresholds& thresholds, int64_t now_ns,
                    Incident& incident) {
  std::map<ProcessKey, AffectedProcess> before;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking) before[p.process] = p;
  }
  const int64_t unseen =
      now_ns - static_cast<int64_t>(thresholds.incident.gone_s * 1e9);
  std::vector<const ProcessTrend*> alive;
  std::vector<AffectedProcess> processes;
  std::vector<ProcessWork> works;
  double window = 0;
  for (const ProcessTrend& trend : trends) {
    if (trend.exited || trend.last_seen_ns < unseen) continue;
    const auto former = before.find(trend.info.key);
    // Not seen for long enough, after a restart of ours: as it was.
    const bool as_before = former != before.end() && !trend.recent_bytes_per_s;
    const bool leaking = as_before || IsGrowing(trend, thresholds);
    alive.push_back(&trend);
    works.push_back(WorkOf(trend));
    const ProcessJudgement* judged =
        JudgedNow(trend, incident.rule == "imminent");
    processes.push_back(Affected(trend, leaking, judged));
    if (as_before) processes.back().bytes_per_s = former->second.bytes_per_s;
    if (leaking) window = std::max(window, WindowOf(trend, judged));
  }
  MarkRoles(works, processes);
  if (std::none_of(processes.begin(), processes.end(),
                   [](const AffectedProcess& p) { return p.leaking; })) {
    return;
  }
  std::stable_sort(processes.begin(), processes.end(), WorstFirst);
  incident.processes = std::move(processes);
  if (window > 0) incident.window_s = window;
  const std::vector<InstanceGrowth> instances =
      GroupInstances(incident.processes);
  SummariseInstances(instances, incident);
  SummariseRegions(elsewhere, thresholds, unseen, incident);
  SummariseTypes(alive, incident);
  SummariseNative(alive, incident);
  Count(incident);
  if (incident.processes.size() > kMostProcesses) {
    incident.processes.resize(kMostProcesses);
  }
}

absl::Status DiagnoseStored(const FleetReader& reader,
                            const Thresholds& thresholds, int64_t now_ns,
                            Incident& incident) {
  absl::Status first = ReadTypes(reader, now_ns, incident);
  first.Update(ReadShares(reader, now_ns, incident));
  first.Update(ReadCollector(reader, now_ns, incident));
  first.Update(ReadNeighbours(reader, now_ns, incident));
  first.Update(ReadCoverage(reader, incident));
  first.Update(ReadRequests(reader, incident));
  first.Update(ReadStacks(reader, now_ns, incident));
  first.Update(ReadTraffic(reader, thresholds.traffic, now_ns, incident));
  first.Update(ReadVersionOnset(reader, now_ns, incident));
  return first;
}

}  // namespace plimsoll::collector
