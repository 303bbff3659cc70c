// How far a life rises over a stretch of its ages: between the mean floors of
// its first and of its last third, which have less noise than its ends, and
// teeth of a saw that are shorter than a third are level. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_HISTORY_LIFE_RISE_H_
#define PLIMSOLL_COLLECTOR_CORE_HISTORY_LIFE_RISE_H_

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "collector/core/history/siblings.h"

namespace plimsoll::collector {

struct MeanFloor {
  double age_s = 0, bytes = 0;
  double lowest_bytes = 0;
};

// Between two ages, the second excluded; nothing where no block is.
std::optional<MeanFloor> MeanBetween(const WorkloadLife& life, double from_s,
                                     double to_s);

struct LifeRise {
  double from_s = 0, window_s = 0;  // ages
  std::array<MeanFloor, 3> thirds;

  double bytes_per_s() const;
  // From one third to the next, by their lowest floors: what comes at once is
  // in one step only. 0 is the first.
  double step_bytes(size_t i) const {
    return thirds[i + 1].lowest_bytes - thirds[i].lowest_bytes;
  }
};

// Nothing where a third of it was not seen.
std::optional<LifeRise> RiseOf(const WorkloadLife& life, double from_s,
                               double window_s);

// RiseOf of one life again and again, from later and later on: the same to the
// last digit, without looking for its blocks anew. Borrows the life.
class RisesOfLife {
 public:
  RisesOfLife(const WorkloadLife& life, double window_s);

  const std::vector<double>& ages_s() const {
    return ages_s_;
  }  // of its blocks
  // No earlier than it was asked for last.
  std::optional<LifeRise> From(double from_s);

 private:
  const WorkloadLife& life_;
  const double window_s_;
  std::vector<double> ages_s_;
  std::array<size_t, 3> firsts_{};  // block of each third
};

double AgeOf(const WorkloadLife& life, const MemoryBlock& block);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_HISTORY_LIFE_RISE_H_
