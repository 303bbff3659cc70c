// What the other lives of a workload tell of one that grows: whether those
// that are older went on growing or have stopped, and whether those of another
// version grew at the same age. The gap between a leak and a cache that fills
// is age, not noise (leak-analysis 2.3b). Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_HISTORY_SIBLINGS_H_
#define PLIMSOLL_COLLECTOR_CORE_HISTORY_SIBLINGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/core/history/life_log.h"

namespace plimsoll::collector {

// One life of a workload, alive or over.
struct WorkloadLife {
  int64_t start_ns = 0;  // unix; of the first sample where it is not known
  std::string version;
  std::vector<MemoryBlock> blocks;
  double survived_peak = 0;  // LifeLog's
  bool killed = false;       // ended at its limit
};

enum class SiblingWord : uint8_t {
  kNothing,     // none of them is old enough to tell
  kFlattens,    // those that are older have stopped growing
  kGoesOn,      // those that are older grow on, or were killed for it
  kNewVersion,  // those of another version did not grow at this age
  kOutgrew      // it stands above all of those that have stopped
};

// `me`: index of the life that grows by `bytes_per_s` since `window_s`. Caches
// fill up to an age of `fill_age_s`.
SiblingWord AskSiblings(const std::vector<WorkloadLife>& lives, size_t me,
                        double bytes_per_s, double window_s, double fill_age_s,
                        int64_t now_ns);

// Bytes per second of a life between two ages; nothing where too little of the
// span was seen.
std::optional<double> RateAtAge(const WorkloadLife& life, double from_s,
                                double to_s);

// The highest level that a life of the workload came back from alive.
double SurvivedPeak(const std::vector<WorkloadLife>& lives);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_HISTORY_SIBLINGS_H_
