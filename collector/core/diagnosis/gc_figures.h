// What the cycle collector's own figures say of a process that grows: whether
// garbage in cycles would stay there. Counts, thresholds and CPython's rule of
// a quarter are of gc.set_threshold's manual and Python/gc.c (3.7 to 3.13,
// 3.14.5, 3.15). They say what the collector does not look at, never that
// nothing refers to it: that takes the references of all objects.
//
// Pure; any thread. Figures are a target's word: only what fits is told.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_GC_FIGURES_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_GC_FIGURES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "collector/core/ports.h"

namespace plimsoll::collector {

// The newest readings, and what changed since the oldest generation was last
// seen to be collected (by itself or by gc.collect()).
struct GcFigures {
  struct Generation {
    double collections = 0, collected = 0;  // since the process began
    double collections_since = 0, collected_since = 0;
  };
  std::optional<double> enabled = {};  // 0: never starts by itself
  std::optional<std::array<double, 3>> thresholds = {};
  std::optional<std::array<Generation, 3>> generations = {};
  // From the first reading after that collection to the newest; 0: the newest
  // is the first.
  double since_s = 0;
  bool full_seen = false;  // between two of the readings
  std::optional<double> frozen_objects = {};
  double frozen_more = 0, frozen_s = 0;  // in the later half of the window
  std::optional<double> long_lived = {}, pending = {};
};

// Of a window of so many seconds that ends now.
absl::StatusOr<GcFigures> ReadGcFigures(const FleetReader& fleet,
                                        ProcessKey process, double window_s,
                                        int64_t now_ns);

// Both in words that follow "garbage that is not collected: ".
struct GcFinding {
  std::string problem;  // why garbage in cycles stays; "": it does not
  // Why it may stay for long, where no figure says that there is much of it.
  std::string doubt;
};

// `objects_per_s`: by how many those of the growing type become more.
GcFinding JudgeGc(const GcFigures& figures, double objects_per_s,
                  double window_s);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_GC_FIGURES_H_
