// Whether growth that goes with requests may be put down to any of them. That
// is the simplest cause, and of few looks it explains nearly as well as the one
// value of an attribute that leaks: it is said only where the data rule each
// single value out. Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_ANY_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_ANY_H_

#include <cstddef>
#include <string>

#include "collector/core/traffic/traffic_fit.h"

namespace plimsoll::collector {

// Why column `which` of what was found, which is any request, is not to be
// named yet: the values that are not ruled out, and how many more requests
// would do. Empty where it may be: no value is left but those that nearly all
// requests have.
std::string WhyNotAnyRequest(const TrafficDesign& design,
                             const WhiteDesign& white,
                             const SearchResult& found, size_t which,
                             const TrafficThresholds& thresholds);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_ANY_H_
