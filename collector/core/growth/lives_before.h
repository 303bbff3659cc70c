// What the lives of earlier versions gained at an age and at every later one,
// over stretches as long as the one in question: what a new version's lives are
// held against (growth_over_version.h). Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_LIVES_BEFORE_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_LIVES_BEFORE_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/core/history/life_rise.h"
#include "collector/core/history/siblings.h"

namespace plimsoll::collector {

// One life of a workload by one series; borrows both.
struct VersionLife {
  const WorkloadLife* life = nullptr;
  // Its blocks have the requests: by anonymous memory. Null: not counted.
  const WorkloadLife* counted = nullptr;
  std::string pod;  // one that has several processes is one
  bool alive = true;
  double left_bytes = 0;  // until something is killed; of those that are alive
};

// Imports are over by then; what else begins with a life, those before it had.
inline constexpr double kVersionSettle_s = 300;
// A third of the shortest window has two blocks.
inline constexpr double kVersionShortest_s = 1800;

// Bytes per second over windows of one length.
struct LivesBefore {
  size_t at_age = 0;                 // lives that were seen at that age itself
  double seen_s = 0;                 // from it on, all together
  double middle = 0, deviation = 0;  // of all windows of one of them
  // The mean of those that were seen at once, and how many these were.
  std::vector<std::pair<double, int>> together;
  // At that age itself, the median of them; `early` from the settled age on.
  double rate = 0, early = 0;
  std::array<double, 2> steps_bytes{};

  // The most that so many rose together. The mean of more has less noise; one
  // alone counts where no two were seen at once.
  double MostTogether(size_t lives) const;
};

// Of lives[before], from the age `from_s` on. With request counts, what they
// gained is scaled up to `requests_per_s` where they served less.
LivesBefore LookBefore(const std::vector<VersionLife>& lives,
                       const std::vector<size_t>& before, double from_s,
                       double window_s, double requests_per_s);

// 0 where none are counted.
double RequestsPerSecond(const VersionLife& life, double from_s,
                         double window_s);

// Of its first half hour.
std::optional<LifeRise> BeginningOf(const WorkloadLife& life);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_LIVES_BEFORE_H_
