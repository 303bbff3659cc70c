#include "collector/core/pod_counts.h"

#include <set>
#include <utility>

namespace plimsoll::collector {
namespace {

constexpr int64_t kLooksKept = 20;  // a source that fails for a while

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

std::string KeyOf(const PodCount& count) {
  std::string key = count.cluster + "\n" + count.ns + "\n" + count.pod + "\n" +
                    count.container;
  for (const auto& [name, value] : count.attributes) {
    key += "\n" + name + "\t" + value;
  }
  return key;
}

// Of the processes of a pod those that serve: none that is another's parent.
std::vector<const ProcessInfo*> Serving(
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

std::vector<ProcessRequests> PodCountLedger::Take(
    const std::vector<PodCount>& counts,
    const std::vector<ProcessInfo>& processes) {
  ++look_;
  unmatched_ = 0;
  std::map<std::string, std::vector<const ProcessInfo*>> pods;
  for (const ProcessInfo& process : processes) {
    if (!process.pod.empty()) pods[process.pod].push_back(&process);
  }
  for (const PodCount& count : counts) {
    const auto pod = pods.find(count.pod);
    const std::vector<const ProcessInfo*> serving =
        pod == pods.end() ? std::vector<const ProcessInfo*>()
                          : Serving(count, pod->second);
    if (serving.empty()) {
      ++unmatched_;
      continue;
    }
    const auto [at, is_new] =
        seen_.try_emplace(KeyOf(count), Seen{count.value, look_});
    // What was counted before the first look is nobody's; a counter that is
    // lower has begun anew.
    const double step = is_new ? 0
                        : count.value < at->second.value
                            ? count.value
                            : count.value - at->second.value;
    at->second = {count.value, look_};
    for (const ProcessInfo* process : serving) {
      ProcessRequests& served = served_[process->key];
      served.process = *process;
      const bool room = served.counts.size() < kMostSets ||
                        served.counts.contains(count.attributes);
      served.counts[room ? count.attributes : OtherSets()] +=
          step / static_cast<double>(serving.size());
      last_look_[process->key] = look_;
    }
  }
  std::vector<ProcessRequests> out;
  for (const auto& [key, served] : served_) {
    if (last_look_[key] == look_) out.push_back(served);
  }
  Forget();
  return out;
}

void PodCountLedger::Forget() {
  const int64_t oldest = look_ - kLooksKept;
  std::erase_if(seen_,
                [&](const auto& one) { return one.second.look < oldest; });
  std::erase_if(last_look_, [&](const auto& one) {
    if (one.second >= oldest) return false;
    served_.erase(one.first);
    return true;
  });
}

}  // namespace plimsoll::collector
