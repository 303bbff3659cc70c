#include "collector/core/traffic/traffic_estimate.h"

#include <Eigen/Dense>
#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <vector>

namespace plimsoll::collector {
namespace {

using Eigen::Index;

constexpr Index kClusters = 24;
constexpr Index kFewestRows = 2;  // of a cluster

// Sums of one stretch: the process' own, columns and y against each other.
struct Cluster {
  size_t process = 0;
  Eigen::MatrixXd sums;
};

std::vector<Cluster> ClustersOf(const WhiteDesign& d,
                                const Eigen::MatrixXd& x) {
  const Index k = x.cols(), own = d.own.cols();
  const Index processes = static_cast<Index>(d.first_rows.size()) - 1;
  const Index each =
      std::max<Index>(1, (kClusters + processes - 1) / processes);
  std::vector<Cluster> clusters;
  for (Index p = 0; p < processes; ++p) {
    const Index first = d.first_rows[static_cast<size_t>(p)];
    const Index n = d.first_rows[static_cast<size_t>(p) + 1] - first;
    const Index parts = std::clamp<Index>(n / kFewestRows, 1, each);
    for (Index part = 0; part < parts; ++part) {
      const Index from = first + part * n / parts;
      const Index rows = first + (part + 1) * n / parts - from;
      Eigen::MatrixXd m(rows, own + k + 1);
      m.leftCols(own) = d.own.middleRows(from, rows);
      m.middleCols(own, k) = x.middleRows(from, rows);
      m.col(own + k) = d.y.segment(from, rows);
      clusters.push_back({static_cast<size_t>(p), m.transpose() * m});
    }
  }
  return clusters;
}

// Adds what one process says once what is its own is taken out.
void AddSwept(const Eigen::MatrixXd& sums, Index own, double sign,
              Eigen::MatrixXd& gram) {
  const Index k = sums.cols() - own;
  gram +=
      sign *
      (sums.bottomRightCorner(k, k) -
       sums.bottomLeftCorner(k, own) *
           sums.topLeftCorner(own, own).completeOrthogonalDecomposition().solve(
               sums.topRightCorner(own, k)));
}

Eigen::VectorXd Solve(const Eigen::MatrixXd& gram) {
  const Index k = gram.cols() - 1;
  return gram.topLeftCorner(k, k).completeOrthogonalDecomposition().solve(
      gram.topRightCorner(k, 1));
}

}  // namespace

TrafficEstimate EstimateColumns(const WhiteDesign& d,
                                const Eigen::MatrixXd& x) {
  const Index k = x.cols(), own = d.own.cols();
  const std::vector<Cluster> clusters = ClustersOf(d, x);
  const size_t processes = d.first_rows.size() - 1;
  std::vector<Eigen::MatrixXd> by_process(
      processes, Eigen::MatrixXd::Zero(own + k + 1, own + k + 1));
  for (const Cluster& c : clusters) by_process[c.process] += c.sums;
  Eigen::MatrixXd whole = Eigen::MatrixXd::Zero(k + 1, k + 1);
  for (const Eigen::MatrixXd& sums : by_process) AddSwept(sums, own, 1, whole);
  TrafficEstimate out;
  out.beta = Solve(whole);
  out.covariance = Eigen::MatrixXd::Zero(k, k);
  for (const Cluster& c : clusters) {
    Eigen::MatrixXd less = whole;
    AddSwept(by_process[c.process], own, -1, less);
    AddSwept(by_process[c.process] - c.sums, own, 1, less);
    const Eigen::VectorXd off = Solve(less) - out.beta;
    out.covariance += off * off.transpose();
  }
  const double g = static_cast<double>(clusters.size());
  out.covariance *= (g - 1) / g;
  out.standard_error = out.covariance.diagonal().cwiseSqrt();
  out.dof = std::max(1.0, g - 1);
  return out;
}

double TQuantile(double dof, double tests) {
  const boost::math::students_t t(std::max(1.0, dof));
  return boost::math::quantile(t, 1 - 0.025 / std::max(1.0, tests));
}

}  // namespace plimsoll::collector
