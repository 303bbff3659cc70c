#include "collector/core/traffic/traffic_checks.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <utility>

namespace plimsoll::collector {
namespace {

using Eigen::Index;

constexpr double kDetectable = 2.8;   // z for 5 % and a power of .8
constexpr double kOfTheGroup = 0.3;   // of an eigenvector
constexpr size_t kMostSiblings = 60;  // those most like it
constexpr double kLeastEigenvalue = 1e-9;
constexpr int kShifts = 99;

double Correlation(const WhiteDesign& d, Index a, Index b) {
  const double scale = std::sqrt(d.swept_x.col(a).squaredNorm() *
                                 d.swept_x.col(b).squaredNorm());
  return scale > 0 ? d.swept_x.col(a).dot(d.swept_x.col(b)) / scale : 0;
}

// The column itself first. Only those that rise with it: where the rate of all
// requests is even, the others' fall makes up for its rise, and as none can
// leak less than nothing, that hides no cause.
std::vector<Index> Siblings(const TrafficDesign& names, const WhiteDesign& d,
                            Index column) {
  const std::string keys = KeysOf(names.names[static_cast<size_t>(column)]);
  std::vector<std::pair<double, Index>> all;
  for (size_t j = 0; j < names.names.size(); ++j) {
    const Index other = static_cast<Index>(j);
    if (other == column || KeysOf(names.names[j]) != keys) continue;
    const double r = Correlation(d, column, other);
    if (r > 0) all.emplace_back(-r, other);
  }
  std::sort(all.begin(), all.end());
  if (all.size() > kMostSiblings) all.resize(kMostSiblings);
  std::vector<Index> out = {column};
  for (const auto& [r, other] : all) out.push_back(other);
  return out;
}

}  // namespace

Separability SeparabilityOf(const TrafficDesign& names, const WhiteDesign& d,
                            Index column, double max_vif) {
  Separability out;
  const std::vector<Index> siblings = Siblings(names, d, column);
  const Index m = static_cast<Index>(siblings.size());
  if (m < 2) return out;
  Eigen::MatrixXd r = Eigen::MatrixXd::Identity(m, m);
  for (Index a = 0; a < m; ++a) {
    for (Index b = 0; b < a; ++b) {
      r(a, b) = r(b, a) = Correlation(d, siblings[static_cast<size_t>(a)],
                                      siblings[static_cast<size_t>(b)]);
    }
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(r);
  Index least = 0;
  double most = 0;
  out.vif = 0;
  for (Index k = 0; k < m; ++k) {
    const double v = eigen.eigenvectors()(0, k);
    const double part =
        v * v / std::max(eigen.eigenvalues()(k), kLeastEigenvalue);
    out.vif += part;
    if (part > most) most = part, least = k;
  }
  out.condition_index =
      std::sqrt(eigen.eigenvalues()(m - 1) /
                std::max(eigen.eigenvalues()(0), kLeastEigenvalue));
  if (out.vif <= max_vif) return out;
  for (Index a = 1; a < m; ++a) {
    if (std::abs(eigen.eigenvectors()(a, least)) > kOfTheGroup) {
      out.group.push_back(siblings[static_cast<size_t>(a)]);
    }
  }
  return out;
}

double SmallestEffect(const WhiteDesign& d, Index column, double sigma,
                      double vif) {
  const double norm = d.swept_x.col(column).norm();
  return norm > 0 ? kDetectable * sigma * std::sqrt(vif) / norm : 0;
}

double PlaceboShare(const WhiteDesign& d, const ColumnFit& fit, size_t which) {
  std::vector<Index> others = fit.columns;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(which));
  const ColumnFit without = FitColumns(d, others, nullptr);
  Eigen::VectorXd rest = d.swept_y;
  for (size_t j = 0; j < others.size(); ++j) {
    rest -= without.beta(static_cast<Index>(j)) * d.swept_x.col(others[j]);
  }
  const Eigen::VectorXd norms = d.swept_x.colwise().norm();
  const auto explained = [&](const Eigen::VectorXd& cross, Index j) {
    return norms(j) > 0 ? cross(j) / norms(j) : 0;
  };
  const double actual =
      explained(d.swept_x.transpose() * rest, fit.columns[which]);
  int as_good = 0;
  Eigen::VectorXd shifted(rest.size());
  for (int shift = 1; shift <= kShifts; ++shift) {
    for (size_t p = 0; p + 1 < d.first_rows.size(); ++p) {
      const Index first = d.first_rows[p];
      const Index n = d.first_rows[p + 1] - first;
      // No shift at all is no placebo, however few rows there are.
      const Index by = std::clamp<Index>(n * shift / (kShifts + 1), 1, n - 1);
      shifted.segment(first, n - by) = rest.segment(first + by, n - by);
      shifted.segment(first + n - by, by) = rest.segment(first, by);
    }
    const Eigen::VectorXd cross = d.swept_x.transpose() * shifted;
    for (Index j = 0; j < cross.size(); ++j) {
      if (explained(cross, j) >= actual) {
        ++as_good;
        break;
      }
    }
  }
  return static_cast<double>(as_good) / kShifts;
}

}  // namespace plimsoll::collector
