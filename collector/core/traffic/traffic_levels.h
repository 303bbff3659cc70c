// Levels of memory at some moments, from many samples: the lowest of each
// block, which the teeth of a saw do not touch, or the mean of some of its
// samples, which white noise touches least. Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_LEVELS_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_LEVELS_H_

#include <cstdint>
#include <vector>

#include "collector/core/fleet.h"

namespace plimsoll::collector {

// A level is the mean over `samples[i]`; its counts are the mean of the counts
// at those moments.
using Level = std::vector<Sample>;

enum class LevelKind : uint8_t { kLowest, kMean };

// At most `most` levels, evenly over the span of `samples`; each sample is one
// where there are no more than that.
std::vector<Level> LevelsOf(const std::vector<Sample>& samples, size_t most,
                            LevelKind kind);

double BytesOf(const Level& level);
double SecondsOf(const Level& level);  // its mean moment, unix time

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_LEVELS_H_
