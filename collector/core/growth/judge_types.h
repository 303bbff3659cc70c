// The judgement of a life by the live bytes of each type that rises in it: a
// leak that is hidden in the noise of all memory, or beside a step, a saw or
// load, is plain in the type that leaks. The rules are those of the memory
// (judgement.h): what fills, follows the load or comes in steps does so by type
// too. Its time to the limit is that of the memory. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGE_TYPES_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGE_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "collector/core/growth/growth_measure.h"
#include "collector/core/growth/judgement.h"
#include "collector/core/types/type_book.h"

namespace plimsoll::collector {

// Thresholds for one type's bytes: its own effect floor.
JudgementThresholds OfOneType(const JudgementThresholds& thresholds);

struct JudgedByType {
  const TypeLives* type = nullptr;  // the fastest that leaks; null: none does
  ProcessJudgement judgement;       // by it: a ticket, never a page
  std::vector<double> zs;           // of all that were judged
};

// `lives`: by anonymous memory. `by_type`: OfOneType's.
JudgedByType JudgeLifeByTypes(const std::vector<TypeLives>& types,
                              const std::vector<WorkloadLife>& lives, size_t me,
                              const JudgementInput& input,
                              const JudgementThresholds& by_type,
                              int64_t now_ns);

// A type's bytes are the least that leaks, what its objects own besides is in
// no census of it: up to all growth of the memory.
void AddWhatItOwns(const MeasuredGrowth& memory, MeasuredGrowth& type);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGE_TYPES_H_
