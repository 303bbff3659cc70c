// The number that is published for columns that were chosen: their bytes per
// request with an interval.
//
// Memory is looked at at other moments than the counters, so an increment of
// one holds part of the neighbouring increment of the other, which shrinks a
// plain coefficient by a fifth and more. The coefficients of the increment
// before, the same and the one after are therefore estimated together and
// added (Dimson 1979); the interval is robust to rows of unequal size (HC3).
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_ESTIMATE_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_ESTIMATE_H_

#include <vector>

#include "collector/core/traffic_design.h"

namespace plimsoll::collector {

struct TrafficEstimate {
  Eigen::VectorXd beta, standard_error;
  double dof = 0;
};

// kPlain: without neighbours. Too small, but its test of zero is valid and
// needs less data.
enum class Neighbours : uint8_t { kAdded, kPlain };

TrafficEstimate EstimateColumns(const TrafficDesign& design,
                                const std::vector<Eigen::Index>& columns,
                                Neighbours neighbours);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_ESTIMATE_H_
