// The judgement of a version's lives beside those of the versions before it
// (growth_over_version.h): what grows as none of them did is a ticket before
// its own shape can tell. By the bytes in use where they are known of all that
// are alive. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGE_OVER_VERSION_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGE_OVER_VERSION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "collector/core/growth/judgement.h"
#include "collector/core/history/life_book.h"
#include "collector/core/incident/incident_traffic.h"
#include "collector/core/thresholds.h"
#include "collector/core/types/type_book.h"

namespace plimsoll::collector {

// One that is alive; borrows both.
struct StandsBeside {
  size_t at = 0;  // of its workload's lives
  const JudgementInput* input = nullptr;
  ProcessJudgement* judgement = nullptr;
};

// Judgements that are no page and no ticket yet become one. Returns which
// version grows as none before it, and whether it began with that one or later
// (onset_time.h); nothing where nothing is claimed.
std::optional<VersionOnset> JudgeOverVersion(
    const WorkloadLives& lives, const std::vector<StandsBeside>& alive,
    const JudgementThresholds& thresholds, int64_t now_ns);

// The same by the live bytes of one type: tickets, no pages. `by_type`:
// OfOneType's thresholds.
void JudgeTypeOverVersion(const WorkloadLives& lives, const TypeLives& type,
                          const std::vector<StandsBeside>& alive,
                          const JudgementThresholds& by_type, int64_t now_ns);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGE_OVER_VERSION_H_
