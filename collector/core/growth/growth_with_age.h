// Whether the growth of a workload goes with the age of its lives. A leak does:
// each life stands where its rate times its age has brought it, so that lives
// of different ages stand at different levels, and none has grown for longer
// than it can have. Load, a reload and memory that is given back under pressure
// do not: young and old stand together. (Age, period and cohort of demography:
// a common pace over time alone cannot tell which of them it is of.) Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_WITH_AGE_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_WITH_AGE_H_

#include <cstdint>
#include <vector>

#include "collector/core/history/siblings.h"

namespace plimsoll::collector {

enum class AgeWord : uint8_t {
  kNothing,    // no two lives are far enough apart in age
  kWithAge,    // the older stand higher, by about the rate times the age
  kNotWithAge  // they stand alike, or they are older than their growth
};

// Of lives[me], which grows by `bytes_per_s` since `window_s`. Only lives that
// grow like it are compared with it: those that do not are healthy.
AgeWord AskAges(const std::vector<WorkloadLife>& lives, size_t me,
                double bytes_per_s, double window_s, double limit_bytes);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_WITH_AGE_H_
