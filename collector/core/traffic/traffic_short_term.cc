#include <algorithm>
#include <cmath>
#include <numbers>

#include "collector/core/traffic/traffic_checks.h"
#include "collector/core/traffic/traffic_estimate.h"

namespace plimsoll::collector {
namespace {

using Eigen::Index;

// Causes share the course of hours. In less, the moment at which memory is
// looked at is a part of the short term, and a cause looks smaller in it.
constexpr double kLeastSpan_s = 3 * 3600;
// Half waves over a process' time: slower ones than a day's course has.
constexpr Index kHalfWaves = 6;
// So many looks for each of them, or there is no short term.
constexpr Index kLooksEach = 6;
// Of the coefficient: what must be left, and by how many standard errors it is
// less. A cause whose coefficient is as it was is dropped in one of a hundred.
constexpr double kLeastLeft = 0.7, kSure = 2.3;

// What each process has of its own, and a slow curve.
TrafficDesign WithSlowCurve(const TrafficDesign& design) {
  TrafficDesign out = design;
  for (ProcessRows& rows : out.processes) {
    const Index n = rows.dt.size(), owns = rows.own.cols();
    rows.own.conservativeResize(n, owns + kHalfWaves);
    rows.own.rightCols(kHalfWaves).setZero();
    if (n < kLooksEach * kHalfWaves) continue;
    const double span = rows.dt.sum();
    double t = 0;
    for (Index i = 0; i < n; ++i) {
      const double next = t + rows.dt(i);
      for (Index k = 1; k <= kHalfWaves; ++k) {
        const double w = std::numbers::pi * static_cast<double>(k) / span;
        rows.own(i, owns + k - 1) = std::cos(w * next) - std::cos(w * t);
      }
      t = next;
    }
  }
  return out;
}

}  // namespace

Index ContradictedInShortTerm(const TrafficDesign& design,
                              const WhiteDesign& white, const ColumnFit& fit) {
  const Index k = static_cast<Index>(fit.columns.size());
  if (k == 0 || *std::max_element(design.seconds.begin(),
                                  design.seconds.end()) < kLeastSpan_s) {
    return -1;
  }
  const WhiteDesign fast = WhitenDesign(WithSlowCurve(design), white.noise);
  Eigen::MatrixXd x(fast.x.rows(), k);
  for (Index i = 0; i < k; ++i) {
    x.col(i) = fast.x.col(fit.columns[static_cast<size_t>(i)]);
  }
  const TrafficEstimate left = EstimateColumns(fast, x);
  Index worst = -1;
  double most = kSure;
  for (Index i = 0; i < k; ++i) {
    const double fallen = kLeastLeft * fit.beta(i) - left.beta(i);
    const double sure = fallen / std::max(left.standard_error(i), 1e-300);
    if (sure > most) most = sure, worst = i;
  }
  return worst;
}

}  // namespace plimsoll::collector
