#include "collector/core/traffic_estimate.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace plimsoll::collector {
namespace {

using Eigen::Index;

// Rows to spare for the two coefficients more of each column.
constexpr Index kSpareRows = 12;

// The columns, and with `lagged` each shifted by one row either way within its
// process. Swept columns have mean zero, which is what stands at the edges.
Eigen::MatrixXd Columns(const TrafficDesign& d,
                        const std::vector<Index>& columns, bool lagged) {
  const Index k = static_cast<Index>(columns.size());
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(d.x.rows(), lagged ? 3 * k : k);
  for (Index j = 0; j < k; ++j) {
    x.col(j) = d.x.col(columns[static_cast<size_t>(j)]);
  }
  if (!lagged) return x;
  for (size_t b = 0; b + 1 < d.first_rows.size(); ++b) {
    const Index first = d.first_rows[b];
    const Index n = d.first_rows[b + 1] - first;
    if (n < 2) continue;
    for (Index j = 0; j < k; ++j) {
      x.col(k + j).segment(first + 1, n - 1) = x.col(j).segment(first, n - 1);
      x.col(2 * k + j).segment(first, n - 1) =
          x.col(j).segment(first + 1, n - 1);
    }
  }
  return x;
}

}  // namespace

TrafficEstimate EstimateColumns(const TrafficDesign& d,
                                const std::vector<Index>& columns,
                                Neighbours neighbours) {
  const Index k = static_cast<Index>(columns.size());
  const bool lagged = neighbours == Neighbours::kAdded &&
                      d.x.rows() >= 3 * k + d.processes + kSpareRows;
  const Eigen::MatrixXd x = Columns(d, columns, lagged);
  const Eigen::MatrixXd inverse =
      (x.transpose() * x).completeOrthogonalDecomposition().pseudoInverse();
  const Eigen::VectorXd beta = inverse * (x.transpose() * d.y);
  const Eigen::VectorXd residual = d.y - x * beta;
  Eigen::MatrixXd meat = Eigen::MatrixXd::Zero(x.cols(), x.cols());
  for (Index i = 0; i < x.rows(); ++i) {
    const double leverage =
        std::min(0.99, (x.row(i) * inverse * x.row(i).transpose())(0));
    const double e = residual(i) / (1 - leverage);
    meat += e * e * x.row(i).transpose() * x.row(i);
  }
  TrafficEstimate out;
  out.dof = static_cast<double>(d.x.rows() - x.cols() - d.processes);
  const double swept = static_cast<double>(d.x.rows()) / std::max(1.0, out.dof);
  const Eigen::MatrixXd covariance = swept * inverse * meat * inverse;
  out.beta = Eigen::VectorXd::Zero(k);
  out.standard_error = Eigen::VectorXd::Zero(k);
  for (Index j = 0; j < k; ++j) {
    Eigen::VectorXd sum = Eigen::VectorXd::Zero(x.cols());
    for (Index lag = j; lag < x.cols(); lag += k) sum(lag) = 1;
    out.beta(j) = sum.dot(beta);
    out.standard_error(j) = std::sqrt(sum.dot(covariance * sum));
  }
  return out;
}

}  // namespace plimsoll::collector
