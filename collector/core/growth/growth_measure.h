// How fast the lives that were judged to leak do so: one window for all of
// them, as short as it may be with a narrow interval, since what fills or
// follows the load is the smaller part of it the later one looks; less what
// healthy lives of the workload gain meanwhile. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_MEASURE_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_MEASURE_H_

#include <optional>
#include <string>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/growth/judged_life.h"

namespace plimsoll::collector {

struct MeasuredGrowth {
  Estimate bytes_per_s;
  std::optional<TimeToLimit> time_to_limit;
  bool may_be_none = false;   // ProcessJudgement's
  std::string model_limited;  // the same
};

// Over the last `window_s` of the life `c`, one of so many that leak; nothing
// with too few floors.
std::optional<MeasuredGrowth> MeasureGrowth(const JudgedLife& c,
                                            double window_s, size_t leaking);

// The window for all of `leaking`, at most `most_s`.
double ChooseWindow(const std::vector<JudgedLife>& leaking, double most_s);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_MEASURE_H_
