// The regression that traffic.h solves: one row per look of a process, one
// column per attribute value, pair of them, or all requests. Swept: each
// process' own mean is taken out of its rows, which gives it its own slope.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_DESIGN_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_DESIGN_H_

#include <Eigen/Core>
#include <string>
#include <vector>

#include "collector/core/traffic.h"

namespace plimsoll::collector {

struct TrafficDesign {
  std::vector<std::string> names;  // of the columns; "" is any request
  std::vector<double> requests;    // in all, by column
  Eigen::MatrixXd x;               // swept
  Eigen::VectorXd y;               // swept
  double growth_bytes = 0;         // sum of y before the sweep
  int processes = 0;
  std::vector<Eigen::Index> first_rows;  // of each process, then rows()
};

TrafficDesign BuildTrafficDesign(const std::vector<TrafficSeries>& processes,
                                 const TrafficThresholds& thresholds);

// Value of a cumulative series at a time: linear between samples, its first
// and last value outside.
double ValueAt(const std::vector<Sample>& series, int64_t time_ns);

// When the requests of a process were first looked at.
int64_t FirstLook(const TrafficSeries& process);

// Requests of one label set between two times. A set that was not there at the
// first look of the process began at zero.
double RequestsBetween(const std::vector<Sample>& samples, int64_t first_look,
                       int64_t from_ns, int64_t to_ns);

// True when every k=v of `parent` is in `child` ("" is in all).
bool IsParent(const std::string& parent, const std::string& child);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_DESIGN_H_
