// One life of a workload as the full judgement looks at it: its floors of the
// last hours, what is left above it, and when that is used up. By one series:
// anonymous memory, or what of it is in use; what is killed is killed by the
// first in any case. Borrows all that it names. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGED_LIFE_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGED_LIFE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/history/siblings.h"
#include "collector/core/stats/robust_slope.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

struct JudgementInput {
  // Newest, of the cgroup; nothing or 0 where none is set.
  std::optional<double> usage_bytes, limit_bytes;
  std::optional<double> node_available_bytes;  // used where no limit is set
};

// The floors of a window, and the requests that came with each.
struct Floors {
  Epoch points;
  std::vector<double> requests;
};

struct JudgedLife {
  const std::vector<WorkloadLife>& lives;
  size_t me;
  const JudgementInput& input;
  const JudgementThresholds& thresholds;
  int64_t now_ns;
  // The same lives by anonymous memory, where `lives` is by another series.
  const std::vector<WorkloadLife>* memory = nullptr;

  const WorkloadLife& life() const { return lives[me]; }
  const WorkloadLife& anon() const {
    return memory == nullptr ? lives[me] : (*memory)[me];
  }
  double age_s() const;
  double limit() const;             // a stand-in where there is none
  double left(double level) const;  // bytes until something is killed
  // Imports and the first requests, ten minutes, are left out.
  Floors Last(double span_s) const;
  // How far samples stand above the floors of their blocks: of the window's
  // blocks, the highest but a few.
  double PeaksAboveFloors(double span_s) const;
  // From the newest floor, `above` it, at this pace. Nothing without a limit.
  std::optional<TimeToLimit> TimeOf(const Estimate& bytes_per_s,
                                    double above) const;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGED_LIFE_H_
