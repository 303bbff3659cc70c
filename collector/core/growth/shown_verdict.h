// What people are shown of a workload without an incident: what its growth
// looks like so far, as one of the verdicts that never page. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_SHOWN_VERDICT_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_SHOWN_VERDICT_H_

#include <string>
#include <vector>

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

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_SHOWN_VERDICT_H_
