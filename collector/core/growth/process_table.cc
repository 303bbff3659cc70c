#include "collector/core/growth/process_table.h"

#include <algorithm>
#include <utility>

namespace plimsoll::collector {
namespace {

WorkloadName InAnyCluster(WorkloadName name) {
  name.cluster.clear();
  return name;
}

}  // namespace

ProcessTable::ProcessTable(const ImminentThresholds& thresholds)
    : thresholds_(thresholds) {}

void ProcessTable::Observe(const ProcessInfo& process,
                           const Observation& observation) {
  const std::lock_guard lock(mutex_);
  ++observations_;
  auto at = entries_.find(process.key);
  if (at == entries_.end()) {
    at = entries_
             .emplace(process.key,
                      Entry{process,
                            ImminentWatch(thresholds_, process.start_unix_ns),
                            observation.time_ns})
             .first;
  }
  at->second.info = process;
  at->second.watch.Observe(observation);
}

ProcessTrend ProcessTable::TrendOf(const Entry& entry) {
  ProcessTrend trend;
  trend.info = entry.info;
  trend.finding = entry.watch.finding();
  trend.recent_bytes_per_s = entry.watch.RecentSlope();
  const std::vector<const TypeHistory*> rising = entry.watch.RisingTypes();
  for (const TypeHistory& history : entry.watch.FollowedTypes()) {
    if (auto type = TrendOfType(history)) {
      type->rising =
          std::find(rising.begin(), rising.end(), &history) != rising.end();
      trend.types.push_back(*std::move(type));
    }
  }
  trend.native = entry.watch.Native();
  trend.watched_from_ns = entry.watched_from_ns;
  trend.last_seen_ns = entry.watch.last_seen_ns();
  trend.serves = entry.watch.serves();
  trend.exited = entry.watch.exited() || entry.info.exited;
  trend.oom_killed = entry.watch.oom_killed();
  return trend;
}

std::map<WorkloadName, std::vector<ProcessTrend>> ProcessTable::Trends(
    const std::set<WorkloadName>& also) const {
  const std::lock_guard lock(mutex_);
  std::set<WorkloadName> services;
  for (const auto& [key, entry] : entries_) {
    if (entry.watch.finding().holds || also.contains(entry.info.workload)) {
      services.insert(InAnyCluster(entry.info.workload));
    }
  }
  std::map<WorkloadName, std::vector<ProcessTrend>> trends;
  if (services.empty()) return trends;
  for (const auto& [key, entry] : entries_) {
    if (services.contains(InAnyCluster(entry.info.workload))) {
      trends[entry.info.workload].push_back(TrendOf(entry));
    }
  }
  return trends;
}

std::map<WorkloadName, std::string> ProcessTable::Unnamed() const {
  const std::lock_guard lock(mutex_);
  std::map<WorkloadName, std::string> unnamed;
  for (const auto& [key, entry] : entries_) {
    const ImminentFinding& finding = entry.watch.finding();
    if (!finding.unnamed) continue;
    unnamed.try_emplace(entry.info.workload, finding.why_not);
  }
  return unnamed;
}

void ProcessTable::Forget(int64_t now_ns, int64_t silent_for_ns) {
  const std::lock_guard lock(mutex_);
  int64_t newest_ns = 0;
  for (const auto& [key, entry] : entries_) {
    newest_ns = std::max(newest_ns, entry.watch.last_seen_ns());
  }
  const int64_t not_seen_since_ns = std::min(now_ns, newest_ns) - silent_for_ns;
  std::erase_if(entries_, [&](const auto& item) {
    return item.second.watch.last_seen_ns() < not_seen_since_ns;
  });
}

int64_t ProcessTable::observations() const {
  const std::lock_guard lock(mutex_);
  return observations_;
}

}  // namespace plimsoll::collector
