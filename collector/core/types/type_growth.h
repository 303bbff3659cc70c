// Growing types, ranked so that the first is the one to look at: application
// classes ahead of the library's and of builtins, whose objects are rolled up
// into the class that owns them where their numbers rise in step.
#ifndef PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_GROWTH_H_
#define PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_GROWTH_H_

#include <optional>
#include <string>
#include <vector>

#include "collector/core/incident/incident.h"
#include "collector/core/types/type_watch.h"

namespace plimsoll::collector {

// One type of one process.
struct TypeTrend {
  std::string type;
  Estimate objects_per_s;
  Estimate bytes_per_s;
  // By itself, in this process. One that rests for a census does not, and still
  // counts where the type rises in another process.
  bool rising = true;
};

// Nothing with fewer than four censuses.
std::optional<TypeTrend> TrendOfType(const TypeHistory& history);

// Sums the trends of several processes by type and ranks them. growth:
// anonymous bytes per second of the same processes together, for the shares; 0
// if unknown.
std::vector<GrowingType> RankTypes(
    const std::vector<std::vector<TypeTrend>>& by_process,
    double growth_bytes_per_s);

// The same for one of `instances`: the mean.
void DivideTypes(double instances, std::vector<GrowingType>& types);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_GROWTH_H_
