// What people are shown of a workload without an incident: what its growth
// looks like so far, as one of the verdicts that never page. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_SHOWN_VERDICT_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_SHOWN_VERDICT_H_

#include <map>
#include <string>
#include <vector>

#include "collector/core/fleet.h"
#include "collector/core/growth/judgement.h"

namespace plimsoll::collector {

struct ShownVerdict {
  Verdict verdict = Verdict::kUnknown;
  std::string why;  // the judgement's words, of the first process that has it
  friend bool operator==(const ShownVerdict&, const ShownVerdict&) = default;
};

// `warm-up`, `load`, `fragmentation`, `high-water`, `none`; `unknown` where the
// judgement waits for more, and where it would claim a leak.
Verdict ShownOf(const ProcessJudgement& judgement);

// Of its processes: what most of those that grow look like; else `none` where
// that is so of half of them.
ShownVerdict ShownOfAll(const std::vector<const ProcessJudgement*>& processes);

// With what the imminent rule says of workloads whose limit is near while what
// grows is not known (ProcessTable::Unnamed): it is seen within minutes, and
// goes before what an hour had not shown.
std::map<WorkloadName, ShownVerdict> WithUnnamed(
    std::map<WorkloadName, ShownVerdict> shown,
    const std::map<WorkloadName, std::string>& unnamed);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_SHOWN_VERDICT_H_
