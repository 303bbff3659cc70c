// From births that were followed to rest to shares of what stays. Pure.
//
// The watched blocks are chosen by their place in the allocator's order, before
// anything is born in them, so each birth that stays is drawn with the same
// chance as the others of its time. A sample stands for its part of the growth
// between two counts of the type: faster times are sampled thinner.
//
// Interval: Wilson's score interval at 95 % over the effective sample size
// (Kish: (sum of weights)^2 / sum of squares), which equal weights leave at n.
#ifndef PLIMSOLL_AGENT_CORE_BIRTH_SHARES_H_
#define PLIMSOLL_AGENT_CORE_BIRTH_SHARES_H_

#include <cstdint>
#include <span>
#include <vector>

namespace plimsoll::core {

// Live objects of the watched type at one moment.
struct ObjectsAt {
  int64_t at_ns = 0;
  int64_t objects = 0;
};

// How many objects each sample (by its time of birth) stands for. Stretches
// without growth, or without a sample, are added to the one before (the first:
// to the one behind). Empty when the type did not grow from first to last.
std::vector<double> WeighBirths(std::span<const int64_t> born_ns,
                                std::span<const ObjectsAt> counts);

struct ShareInterval {
  double share = 0;
  double low = 0;
  double high = 0;
};

// Of the samples for which `of` is true. No samples: {0, 0, 1}.
ShareInterval ShareOf(std::span<const double> weights,
                      const std::vector<bool>& of);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_BIRTH_SHARES_H_
