// What births that were followed to rest stand for. Pure.
//
// The watched blocks are chosen by their place in the allocator's order, before
// anything is born in them, so each birth that stays is drawn with the same
// chance as the others of its time. A sample stands for its part of the growth
// between two counts of the type: faster times are sampled thinner. Shares of
// them, with intervals: plimsoll/base/sampled_share.h.
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

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_BIRTH_SHARES_H_
