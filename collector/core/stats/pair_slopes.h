// The slopes of all pairs of points within each epoch: their median, and how
// many rise, in O(n log n) and without making them all. A pair rises by more
// than a slope if it stands in time order when the points are sorted by
// y - slope t (Cole, Salowe, Steiger and Szemeredi 1989; for slope 0 Knight
// 1966). Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_STATS_PAIR_SLOPES_H_
#define PLIMSOLL_COLLECTOR_CORE_STATS_PAIR_SLOPES_H_

#include <optional>
#include <vector>

#include "collector/core/stats/robust_slope.h"

namespace plimsoll::collector {

// Exactly that of the slopes themselves, to the last digit; nothing with no
// pair. Epochs in time order; two points of one time are no pair.
std::optional<double> MedianPairSlope(std::vector<Epoch> epochs);

// Kendall's S of what is left when `slope` is taken out: pairs that rise by
// more than it less pairs that rise by less. It has the sign of the median of
// all slopes less `slope`, but for the last digits of the levels.
struct PairCount {
  double rises_less_falls = 0;
  double ties = 0;  // sum of q (q - 1) (2 q + 5) over groups of q equal levels
};
PairCount CountPairs(const Epoch& epoch, double slope);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_STATS_PAIR_SLOPES_H_
