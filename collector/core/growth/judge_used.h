// The judgement of a life whose censuses say what of its memory is in use. A
// leak is in use: it is looked for there, and in all anonymous memory as long
// as the bytes in use share that growth. Growth that they do not share is what
// allocators keep. leak-analysis 2.3 step 1 and 2.5. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGE_USED_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGE_USED_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "collector/core/growth/judgement.h"
#include "collector/core/history/siblings.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

// Whether censuses were taken of a life for about as long as it was seen.
bool IsCovered(const WorkloadLife& used, const WorkloadLife& anon);

// used[i] is lives[i] by the bytes in use. Without enough censuses it is
// JudgeLife.
ProcessJudgement JudgeLifeByUse(const std::vector<WorkloadLife>& lives,
                                const std::vector<WorkloadLife>& used,
                                size_t me, const JudgementInput& input,
                                const JudgementThresholds& thresholds,
                                int64_t now_ns, Depth depth);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGE_USED_H_
