// The regression that traffic.h solves, not whitened yet: for each process the
// increments of its memory's level between looks, and of the requests of each
// attribute value, pair of them, or all. Counts are taken at the moments of the
// memory samples: known counts say what is expected in between, so that the
// moment's error is no error in the regressor (Berkson), while memory between
// its samples is not known.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_DESIGN_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_DESIGN_H_

#include <string>
#include <vector>

#include "collector/core/stats/level_noise.h"
#include "collector/core/thresholds.h"
#include "collector/core/traffic/traffic.h"

namespace plimsoll::collector {

struct TrafficDesign {
  std::vector<std::string> names;      // of the columns; "" is any request
  std::vector<double> requests;        // in all, by column; of a gauge its rise
  std::vector<double> first_levels;    // of a gauge, in all; else 0
  std::vector<std::string> all_have;   // attributes of every request, sorted
  std::vector<ProcessRows> processes;  // those with enough looks
  std::vector<size_t> whose;           // their places in the argument
  std::vector<double> seconds;         // that each was looked at
  std::vector<Eigen::VectorXd> ages_s;  // at its levels; empty: not known
  double growth_bytes = 0;              // of all of them together
  Eigen::Index rows = 0;
  int counted = 0;  // processes whose requests or gauges are known at all
};

TrafficDesign BuildTrafficDesign(const std::vector<TrafficSeries>& processes,
                                 const TrafficThresholds& thresholds);
// The same of some columns only, with more looks of each process.
TrafficDesign BuildFineDesign(const std::vector<TrafficSeries>& processes,
                              const TrafficThresholds& thresholds,
                              const std::vector<std::string>& columns);

// Young processes fill caches and warm up: adds to what is each process' own
// the curve 1 - exp(-age / tau), with the tau that explains most, where it
// explains much (leak-analysis 2.3 step 4; more than BIC asks for). Returns tau
// in seconds, 0 for none. `columns`: what is known to leak already.
double AddAgeCurve(const std::vector<Eigen::Index>& columns,
                   TrafficDesign& design);
// With that tau, 0 for none.
void SetAgeCurve(double tau_s, TrafficDesign& design);

// The columns of a cause: its own, and those that it stands for together.
// Empty where there are no such requests.
std::vector<Eigen::Index> ColumnsOf(const TrafficDesign& design,
                                    const TrafficCause& cause);
std::vector<Eigen::Index> ColumnsOf(const TrafficDesign& design,
                                    const StateCause& cause);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_DESIGN_H_
