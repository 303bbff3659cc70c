// Troughs of a memory series: the lowest level of each block, so that the teeth
// of a collector's saw are not taken for growth. leak-analysis 2.3, step 2.
#ifndef PLIMSOLL_COLLECTOR_CORE_STATS_TROUGHS_H_
#define PLIMSOLL_COLLECTOR_CORE_STATS_TROUGHS_H_

#include "collector/core/stats/robust_slope.h"

namespace plimsoll::collector {

struct Troughs {
  Epoch points;  // one a block, at the time of its lowest sample
  double block_s = 0;
  double amplitude = 0;  // 99th percentile of a sample above its block's floor
  int resets = 0;        // falls that are no noise
};

// `samples` in time order. Blocks are span / 96 long, at least five sampling
// periods, at least two periods of the saw, at most span / 12.
Troughs FindTroughs(const Epoch& samples);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_STATS_TROUGHS_H_
