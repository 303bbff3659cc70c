// The whitened regression of traffic.h, and the search for the few columns
// that explain the growth: forward by BIC, coefficients not negative, each step
// free to exchange what was chosen before. leak-analysis 3.3, steps 2, 3, 7.
// Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_FIT_H_
#define PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_FIT_H_

#include <vector>

#include "collector/core/traffic/traffic_design.h"

namespace plimsoll::collector {

struct WhiteDesign {
  Eigen::MatrixXd x, swept_x;  // swept: what is each process' own taken out
  Eigen::VectorXd y, swept_y;
  Eigen::MatrixXd own;  // slope and curve of each process, in its own rows
  std::vector<Eigen::Index> first_rows;  // of each process, then rows()
  LevelNoise noise;
  Eigen::Index free_rows() const {
    return y.size() -
           own.cols() * (static_cast<Eigen::Index>(first_rows.size()) - 1);
  }
};
WhiteDesign WhitenDesign(const TrafficDesign& design, LevelNoise noise);

struct ColumnFit {
  std::vector<Eigen::Index> columns;
  Eigen::VectorXd beta;
  double rss = 0;
};
// Plain least squares; `feasible` is set where no coefficient is negative.
ColumnFit FitColumns(const WhiteDesign& design,
                     const std::vector<Eigen::Index>& columns, bool* feasible);

// How much worse one fit is than another, as twice the log likelihood.
double Deviance(const WhiteDesign& design, double rss, double best_rss);

struct SearchResult {
  ColumnFit fit;
  // By column chosen: those that would do nearly as well in its place, best
  // first.
  std::vector<std::vector<Eigen::Index>> rivals;
};
SearchResult SearchColumns(const TrafficDesign& names,
                           const WhiteDesign& design,
                           const TrafficThresholds& thresholds);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TRAFFIC_TRAFFIC_FIT_H_
