#include "collector/core/diagnosis/instances.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "collector/core/stats/random_effects.h"

namespace plimsoll::collector {
namespace {

// Of the fastest growth in its instance; below it a process is an onlooker.
constexpr double kLeastOfInstance = 0.1;

// Of the mean of the others: below it a group is not told apart on the title.
constexpr double kLeastOfOthers = 1.25;

constexpr char kPod[] = "pod ";
constexpr char kCgroup[] = "cgroup ";

bool HasSlope(const AffectedProcess& p) {
  return std::isfinite(p.bytes_per_s.lo) && std::isfinite(p.bytes_per_s.hi);
}

std::optional<TimeToLimit> TimeOf(
    const std::vector<const AffectedProcess*>& members, const Estimate& sum) {
  std::optional<TimeToLimit> nearest;
  bool pressed = false;
  for (const AffectedProcess* p : members) {
    if (!p->leaking || !p->time_to_limit) continue;
    if (p->pressed && !pressed) nearest.reset();
    pressed = pressed || p->pressed;
    if (pressed && !p->pressed) continue;
    if (!nearest || p->time_to_limit->lo_s < nearest->lo_s) {
      nearest = p->time_to_limit;
    }
  }
  if (pressed || !nearest || members.size() < 2) return nearest;
  // Each was timed by its own growth alone; together they are faster.
  const AffectedProcess& any = *members.front();
  if (!any.limit_bytes || !any.usage_bytes || sum.hi <= 0) return nearest;
  const double headroom = std::max(0.0, *any.limit_bytes - *any.usage_bytes);
  TimeToLimit together;
  together.lo_s = headroom / sum.hi;
  if (sum.lo > 0) together.hi_s = headroom / sum.lo;
  return together;
}

// The group of leaking instances that leaks fastest, if it surely leaks faster
// than the others together do on the mean.
std::optional<WorstGroup> WorstOf(
    const std::string& kind, std::string InstanceGrowth::*name_of,
    const std::vector<InstanceGrowth>& instances) {
  std::map<std::string, std::vector<Estimate>> groups;
  for (const InstanceGrowth& i : instances) {
    if (i.leaking) groups[i.*name_of].push_back(i.bytes_per_s);
  }
  // What has no name cannot be told from the others.
  if (groups.size() < 2 || groups.contains("")) return std::nullopt;
  WorstGroup worst;
  worst.kind = kind;
  for (const auto& [name, slopes] : groups) {
    const Estimate mean = MeanRate(slopes);
    if (!worst.name.empty() && mean.value <= worst.bytes_per_s.value) continue;
    worst.name = name;
    worst.instances = static_cast<int32_t>(slopes.size());
    worst.bytes_per_s = mean;
  }
  std::vector<Estimate> others;
  for (const auto& [name, slopes] : groups) {
    if (name == worst.name) continue;
    worst.others.push_back(name);
    others.insert(others.end(), slopes.begin(), slopes.end());
  }
  const Estimate mean = MeanRate(others);
  const Estimate difference = SumOf({worst.bytes_per_s, Scaled(mean, -1)});
  // Of more groups one is the worst by chance the more often: with this in one
  // of twenty workloads whose groups are alike, be they 2 or 20.
  const double half = difference.value - difference.lo;
  const double beyond =
      1 + std::log(static_cast<double>(groups.size() - 1)) / 6;
  if (!(difference.value > beyond * half) ||
      worst.bytes_per_s.value < kLeastOfOthers * mean.value) {
    return std::nullopt;
  }
  return worst;
}

}  // namespace

std::string InstanceOf(const ProcessInfo& info, bool limited) {
  if (!info.pod.empty()) return kPod + info.pod;
  const std::string node = info.node.empty() ? info.agent_id : info.node;
  if (limited && !info.cgroup.empty() && info.cgroup != "/") {
    return kCgroup + node + info.cgroup;
  }
  return "process " + node + "/" + std::to_string(info.pid);
}

std::string InstanceKind(const std::string& instance) {
  return instance.substr(0, instance.find(' '));
}

void MarkRoles(const std::vector<ProcessWork>& works,
               std::vector<AffectedProcess>& processes) {
  std::map<std::string, double> fastest;
  for (const AffectedProcess& p : processes) {
    if (!p.leaking) continue;
    double& most = fastest[p.instance];
    most = std::max(most, p.bytes_per_s.value);
  }
  for (AffectedProcess& p : processes) {
    if (p.leaking &&
        p.bytes_per_s.value < kLeastOfInstance * fastest[p.instance]) {
      p.leaking = false;
      p.time_to_limit.reset();
    }
  }
  std::set<std::string> places;  // where another process serves
  std::set<std::pair<std::string, int32_t>> parents;
  for (const auto& work : works) {
    if (work.serves) places.insert(work.place);
    parents.emplace(work.place, work.parent_pid);
  }
  for (size_t i = 0; i < works.size(); ++i) {
    processes[i].helper = !processes[i].leaking && !works[i].serves &&
                          (places.contains(works[i].place) ||
                           parents.contains({works[i].place, works[i].pid}));
  }
}

std::vector<InstanceGrowth> GroupInstances(
    const std::vector<AffectedProcess>& processes) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<const AffectedProcess*>> members;
  for (const AffectedProcess& p : processes) {
    if (p.helper || !HasSlope(p)) continue;
    auto [at, fresh] = members.try_emplace(p.instance);
    if (fresh) order.push_back(p.instance);
    at->second.push_back(&p);
  }
  std::vector<InstanceGrowth> instances;
  for (const std::string& name : order) {
    const auto& mine = members[name];
    InstanceGrowth growth;
    growth.instance = name;
    growth.region = mine.front()->region;
    growth.version = mine.front()->version;
    growth.limit_of_node = mine.front()->limit_of_node;
    growth.leaking =
        std::any_of(mine.begin(), mine.end(),
                    [](const AffectedProcess* p) { return p->leaking; });
    std::vector<Estimate> slopes;
    for (const AffectedProcess* p : mine) {
      if (p->leaking == growth.leaking) slopes.push_back(p->bytes_per_s);
    }
    growth.bytes_per_s = SumOf(slopes);
    if (growth.leaking) growth.time_to_limit = TimeOf(mine, growth.bytes_per_s);
    instances.push_back(std::move(growth));
  }
  return instances;
}

void SummariseInstances(const std::vector<InstanceGrowth>& instances,
                        Incident& incident) {
  std::vector<Estimate> slopes;
  std::set<std::string> kinds;
  incident.time_to_limit.reset();
  for (const InstanceGrowth& i : instances) {
    if (!i.leaking) continue;
    slopes.push_back(i.bytes_per_s);
    kinds.insert(InstanceKind(i.instance));
    if (i.time_to_limit &&
        (!incident.time_to_limit ||
         i.time_to_limit->lo_s < incident.time_to_limit->lo_s)) {
      incident.time_to_limit = i.time_to_limit;
      incident.limit_of_node = i.limit_of_node;
    }
  }
  incident.leaking_instances = static_cast<int32_t>(slopes.size());
  if (slopes.empty()) return;
  incident.bytes_per_s = MeanRate(slopes);
  incident.worst_group = WorstOf("region", &InstanceGrowth::region, instances);
  if (!incident.worst_group) {
    incident.worst_group =
        WorstOf("version", &InstanceGrowth::version, instances);
  }
  incident.instance_kind = kinds.size() == 1 ? *kinds.begin() : "instance";
}

}  // namespace plimsoll::collector
