// Instances of a workload: what the kernel kills as one. A pod; where there is
// none, the workload's processes in one memory cgroup that has a limit; else
// one process. Every rate of a page is the mean over its leaking instances, so
// that the words on a page can be checked against each other, and the rate
// against the time that is left. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_INSTANCES_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_INSTANCES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/incident/incident.h"

namespace plimsoll::collector {

// The name of the instance of a process, unique in its workload. `limited`:
// its cgroup has a limit.
std::string InstanceOf(const ProcessInfo& info, bool limited);

// "pod", "cgroup" or "process", by what `instance` names.
std::string InstanceKind(const std::string& instance);

// What MarkRoles needs of a process beside what the incident holds.
struct ProcessWork {
  int32_t pid = 0, parent_pid = 0;
  std::string place;    // same place: same node, pod and cgroup
  bool serves = false;  // it counts requests
};

// In the processes of one workload, works[i] is that of processes[i]:
//  - clears `leaking` where the growth is a small part of what another process
//    of its instance gains: the cgroup of both is under pressure, by the other;
//  - sets `helper` for what neither grows nor serves and is there for those
//    that do: the parent of such a process, or one beside it while others of
//    the workload count requests and it has none (a prefork master).
void MarkRoles(const std::vector<ProcessWork>& works,
               std::vector<AffectedProcess>& processes);

struct InstanceGrowth {
  std::string instance, region, version;
  bool leaking = false;
  bool limit_of_node = false;
  Estimate bytes_per_s;  // sum over its leaking processes; over all if none
  std::optional<TimeToLimit> time_to_limit;
};

// Of the processes that are no helpers and have a slope, in order of their
// first process. The growth of the processes of an instance adds up against
// one limit: the time left is that of the sum unless one of them was measured
// against the limit itself (AffectedProcess::pressed).
std::vector<InstanceGrowth> GroupInstances(
    const std::vector<AffectedProcess>& processes);

// Fills rate, worst group, time to limit and counts of the incident from its
// processes.
void SummariseInstances(const std::vector<InstanceGrowth>& instances,
                        Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_INSTANCES_H_
