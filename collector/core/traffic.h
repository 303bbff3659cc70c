// Bytes leaked per request of an attribute value or of a pair of them: growth
// of each process, look by look, regressed on the requests that it served
// meanwhile, each process with a slope of its own, coefficients not negative.
// leak-analysis 3.3, by increments (rho = 1, its choice for few processes) and
// forward search with BIC instead of all attributes at once. Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "collector/core/fleet.h"
#include "collector/core/incident.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

// One process: bytes of what grows, and cumulative requests by label set
// ("city=singapore,outcome=exception"), each in time order.
struct TrafficSeries {
  std::vector<Sample> bytes;
  std::map<std::string, std::vector<Sample>> requests;
};

Traffic AttributeTraffic(const std::vector<TrafficSeries>& processes,
                         const TrafficThresholds& thresholds);

// Requests of one process between two times that match every k=v of
// `attributes` ("": all). A label set that was not there at the process' first
// look at its counts began at zero.
double RequestsWith(const TrafficSeries& series, const std::string& attributes,
                    int64_t from_ns, int64_t to_ns);

// The same per second, over what of the span was looked at; nothing where that
// is less than a minute.
std::optional<double> RequestRate(const TrafficSeries& series,
                                  const std::string& attributes,
                                  int64_t from_ns, int64_t to_ns);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_H_
