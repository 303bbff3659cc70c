#include <algorithm>
#include <cmath>

#include "collector/core/traffic/traffic.h"
#include "collector/core/traffic/traffic_design.h"
#include "collector/core/traffic/traffic_estimate.h"
#include "collector/core/traffic/traffic_fit.h"

namespace plimsoll::collector {
namespace {

using Eigen::Index;

// Of the estimate: a wider half interval says less than the other signal does.
constexpr double kWidest = 0.3;

}  // namespace

bool Restate(const std::vector<TrafficSeries>& processes,
             const TrafficThresholds& thresholds, Traffic& traffic) {
  TrafficDesign design = BuildTrafficDesign(processes, thresholds);
  if (design.processes.empty() || design.growth_bytes <= 0) return false;
  AddAgeCurve({}, design);
  std::vector<Index> all;
  std::vector<std::vector<Index>> columns;
  for (const TrafficCause& cause : traffic.causes) {
    columns.push_back(ColumnsOf(design, cause));
  }
  for (const StateCause& state : traffic.states) {
    columns.push_back(ColumnsOf(design, state));
  }
  for (const std::vector<Index>& each : columns) {
    if (each.empty()) return false;
    all.insert(all.end(), each.begin(), each.end());
  }
  const WhiteDesign white =
      WhitenDesign(design, EstimateNoise(design.processes, all));
  const Index k = static_cast<Index>(columns.size());
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(white.x.rows(), k);
  std::vector<double> requests(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    for (const Index j : columns[i]) {
      x.col(static_cast<Index>(i)) += white.x.col(j);
      requests[i] += design.requests[static_cast<size_t>(j)];
    }
  }
  const TrafficEstimate estimate = EstimateColumns(white, x);
  const double wide = TQuantile(estimate.dof, 1);
  for (Index i = 0; i < k; ++i) {
    const double half = wide * estimate.standard_error(i);
    if (!(half <= kWidest * estimate.beta(i))) return false;
  }
  traffic.unexplained_share = 1;
  for (Index i = 0; i < k; ++i) {
    const size_t at = static_cast<size_t>(i);
    const double beta = estimate.beta(i);
    const double half = wide * estimate.standard_error(i);
    const Estimate each = {beta, std::max(0.0, beta - half), beta + half};
    const double share =
        std::min(1.0, beta * requests[at] / design.growth_bytes);
    if (at < traffic.causes.size()) {
      TrafficCause& cause = traffic.causes[at];
      cause.bytes_per_request = each;
      cause.requests = requests[at];
      cause.share = share;
    } else {
      StateCause& state = traffic.states[at - traffic.causes.size()];
      state.bytes_per_unit = each;
      state.share = std::max(0.0, share);
    }
    traffic.unexplained_share -= share;
  }
  traffic.unexplained_share = std::max(0.0, traffic.unexplained_share);
  return true;
}

}  // namespace plimsoll::collector
