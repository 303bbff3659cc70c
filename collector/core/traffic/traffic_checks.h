// What keeps a found column from being believed too much: how far it can be
// told from its siblings, the smallest effect that would have shown, and a
// placebo. leak-analysis 3.4. Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_CHECKS_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_CHECKS_H_

#include <vector>

#include "collector/core/traffic/traffic_fit.h"

namespace plimsoll::collector {

struct Separability {
  double vif = 1;  // variance inflation by all its siblings together
  double condition_index = 1;
  std::vector<Eigen::Index> group;  // siblings that move as it does
};
// Siblings are the columns of the same keys that rise with it: other cities.
// `group` is filled where `vif` is above `max_vif`.
Separability SeparabilityOf(const TrafficDesign& names,
                            const WhiteDesign& design, Eigen::Index column,
                            double max_vif);

// Bytes per request of a column that would be found in four of five cases:
// 2.8 standard errors.
double SmallestEffect(const WhiteDesign& design, Eigen::Index column,
                      double sigma, double vif);

// Shares of 99 shifts in time, the same for all processes, after which some
// column explains what is left without column `which` of the fit as well as
// that does. A curve of the day that only looks alike is as good when shifted.
double PlaceboShare(const WhiteDesign& design, const ColumnFit& fit,
                    size_t which);

// The place in the fit of the column that its own short-term variations speak
// against, the worst if there are several; -1: none. A leak is there within the
// hour in which its requests are; what only shares the course of the day with
// another cause is not. A specification test in the manner of Hausman (1978):
// the coefficients are estimated again with a slow curve of each process' own
// taken out, and must not fall far. Of less than three hours nothing is said.
Eigen::Index ContradictedInShortTerm(const TrafficDesign& design,
                                     const WhiteDesign& white,
                                     const ColumnFit& fit);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_CHECKS_H_
