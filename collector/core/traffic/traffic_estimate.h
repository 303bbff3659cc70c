// The numbers that are published for columns that were chosen: bytes per
// request with an interval by a jackknife over clusters. A cluster is a
// process, or where there are few of them a stretch of one's life: whitened
// rows of different stretches are independent. leak-analysis 3.3, step 4.
// Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_ESTIMATE_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_ESTIMATE_H_

#include "collector/core/traffic/traffic_fit.h"

namespace plimsoll::collector {

struct TrafficEstimate {
  Eigen::VectorXd beta, standard_error;
  Eigen::MatrixXd covariance;
  double dof = 1;
};

// `x` has the rows of `design.x` (whitened, not swept).
TrafficEstimate EstimateColumns(const WhiteDesign& design,
                                const Eigen::MatrixXd& x);

// Two-sided 95 % of Student's t, and its point for `tests` of them
// (Bonferroni).
double TQuantile(double dof, double tests);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_ESTIMATE_H_
