#include "collector/core/history/pod_counts.h"

#include <set>
#include <utility>

namespace plimsoll::collector {
namespace {

// A source that fails for a while, or a service that exports seldom.
constexpr int64_t kKeptNs = int64_t{1800} * 1'000'000'000;
constexpr size_t kMostCounters = 200'000;

constexpr size_t kMostSets = 500;  // of attributes, of a process

// Where those go that come when a process has that many.
const std::map<std::string, std::string>& OtherSets() {
  static const std::map<std::string, std::string> kOther = {
      {"attributes", "__other__"}};
  return kOther;
}

bool Fits(const PodCount& count, const ProcessInfo& process) {
  return count.pod == process.pod && count.ns == process.workload.ns &&
         (count.cluster.empty() || count.cluster == process.workload.cluster) &&
         (count.container.empty() || count.container == process.container);
}

std::string PodOf(const PodCount& count) {
  return count.cluster + "\n" + count.ns + "\n" + count.pod + "\n" +
         count.container;
}

std::string CounterOf(const PodCount& count) {
  std::string key = count.series;
  for (const auto& [name, value] : count.attributes) {
    key += "\n" + name + "\t" + value;
  }
  return key;
}

// Of the processes of a pod those that serve: none that is another's parent.
std::vector<const ProcessInfo*> ServingOf(
    const PodCount& count, const std::vector<const ProcessInfo*>& of_the_pod) {
  std::vector<const ProcessInfo*> fitting;
  std::set<int32_t> parents;
  for (const ProcessInfo* process : of_the_pod) {
    if (!Fits(count, *process)) continue;
    fitting.push_back(process);
    parents.insert(process->parent_pid);
  }
  std::erase_if(fitting, [&](const ProcessInfo* process) {
    return parents.contains(process->pid);
  });
  return fitting;
}

}  // namespace

std::set<std::string> PodsOf(const std::vector<PodCount>& counts) {
  std::set<std::string> pods;
  for (const PodCount& count : counts) pods.insert(count.pod);
  return pods;
}

std::vector<ProcessRequests> PodCountLedger::Take(
    const std::vector<PodCount>& counts,
    const std::vector<ProcessInfo>& processes, int64_t now_ns) {
  ++look_;
  unmatched_ = 0;
  std::map<std::string, std::vector<const ProcessInfo*>> pods;
  for (const ProcessInfo& process : processes) {
    if (!process.pod.empty()) pods[process.pod].push_back(&process);
  }
  for (const PodCount& count : counts) {
    const auto pod = pods.find(count.pod);
    const Serving serving =
        pod == pods.end() ? Serving() : ServingOf(count, pod->second);
    if (serving.empty() || counters_ + gauges_ >= kMostCounters) {
      ++unmatched_;
    } else if (count.gauge.empty()) {
      TakeCount(count, serving, now_ns);
    } else {
      TakeGauge(count, serving, now_ns);
    }
  }
  std::vector<ProcessRequests> out;
  for (auto& [key, served] : served_) {
    if (served.look != look_) continue;
    served.requests.gauges = served.gauges.Levels(now_ns);
    out.push_back(served.requests);
  }
  Forget(now_ns);
  return out;
}

PodCountLedger::Served& PodCountLedger::ServedBy(const ProcessInfo& process,
                                                 int64_t now_ns) {
  Served& served = served_[process.key];
  served.requests.process = process;
  served.at_ns = now_ns;
  served.look = look_;
  return served;
}

void PodCountLedger::TakeCount(const PodCount& count, const Serving& serving,
                               int64_t now_ns) {
  Pod& seen = pods_.try_emplace(PodOf(count), Pod{{}, look_, 0}).first->second;
  seen.at_ns = now_ns;
  const auto [at, is_new] = seen.counters.try_emplace(CounterOf(count), 0);
  counters_ += is_new ? 1 : 0;
  // A counter that is lower has begun anew.
  const double since =
      count.value < at->second ? count.value : count.value - at->second;
  const bool nobodys = is_new && seen.first_look == look_;
  const double step = count.is_step ? count.value : nobodys ? 0 : since;
  at->second = count.value;
  for (const ProcessInfo* process : serving) {
    auto& sums = ServedBy(*process, now_ns).requests.counts;
    const bool room =
        sums.size() < kMostSets || sums.contains(count.attributes);
    sums[room ? count.attributes : OtherSets()] +=
        step / static_cast<double>(serving.size());
  }
}

void PodCountLedger::TakeGauge(const PodCount& gauge, const Serving& serving,
                               int64_t now_ns) {
  const std::string series = PodOf(gauge) + "\n" + gauge.series;
  const double share = gauge.value / static_cast<double>(serving.size());
  bool room = true;
  for (const ProcessInfo* process : serving) {
    room &=
        ServedBy(*process, now_ns)
            .gauges.Set(series, gauge.gauge, gauge.attributes, share, now_ns);
  }
  if (!room) ++unmatched_;
}

void PodCountLedger::Forget(int64_t now_ns) {
  const int64_t oldest = now_ns - kKeptNs;
  std::erase_if(pods_, [&](const auto& pod) {
    if (pod.second.at_ns >= oldest) return false;
    counters_ -= pod.second.counters.size();
    return true;
  });
  gauges_ = 0;
  std::erase_if(served_, [&](const auto& one) {
    if (one.second.at_ns < oldest) return true;
    gauges_ += one.second.gauges.series();
    return false;
  });
}

}  // namespace plimsoll::collector
