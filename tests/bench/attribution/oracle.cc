#include "tests/bench/attribution/oracle.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "collector/core/history/request_counts.h"
#include "collector/core/thresholds.h"
#include "collector/core/traffic/traffic_checks.h"
#include "collector/core/traffic/traffic_estimate.h"

namespace plimsoll::bench {
namespace {

using Eigen::Index;
using Names = std::map<std::string, double>;  // requests by name

// All names that are frequent enough to be blamed, as the product's.
std::vector<std::string> NamesIn(const MadeTraffic& made) {
  Names requests;
  for (const auto& process : made.processes) {
    for (const auto& [label, samples] : process.requests) {
      for (const std::string& name : collector::NamesOf(label)) {
        requests[name] += samples.back().value;
      }
    }
  }
  const collector::TrafficThresholds t;
  const double least =
      std::max(t.min_requests, t.min_request_share * requests[""]);
  std::vector<std::string> names;
  for (const auto& [name, n] : requests) {
    if (n >= least) names.push_back(name);
  }
  return names;
}

// Levels at one process' looks at memory while requests are counted: each
// name's cumulative requests, then memory without its base, then time.
Eigen::MatrixXd LevelsOf(const MadeTraffic& made, size_t process,
                         const std::vector<std::string>& names) {
  const auto& series = made.processes[process];
  const std::vector<int64_t> looks = collector::LooksOf(series.requests);
  std::vector<size_t> rows;
  for (size_t i = 0; i < series.bytes.size() && !looks.empty(); ++i) {
    const int64_t t = series.bytes[i].time_ns;
    if (t >= looks.front() && t <= looks.back()) rows.push_back(i);
  }
  const Index n = static_cast<Index>(rows.size());
  const Index k = static_cast<Index>(names.size());
  Eigen::MatrixXd m = Eigen::MatrixXd::Zero(n, k + 2);
  for (const auto& [label, samples] : series.requests) {
    const collector::CountCurve curve(samples, looks);
    Eigen::VectorXd counts(n);
    for (Index i = 0; i < n; ++i) {
      counts(i) = curve.At(series.bytes[rows[static_cast<size_t>(i)]].time_ns);
    }
    for (const std::string& name : collector::NamesOf(label)) {
      const auto at = std::lower_bound(names.begin(), names.end(), name);
      if (at != names.end() && *at == name) m.col(at - names.begin()) += counts;
    }
  }
  for (Index i = 0; i < n; ++i) {
    const size_t row = rows[static_cast<size_t>(i)];
    m(i, k) = series.bytes[row].value - made.bases[process][row];
    m(i, k + 1) = static_cast<double>(series.bytes[row].time_ns -
                                      series.bytes[rows[0]].time_ns) /
                  1e9;
  }
  return m;
}

// Increments whose noise is independent with variance one. What is
// r-differenced of AR(1) noise and a walk has a tridiagonal covariance.
Eigen::MatrixXd Whitened(const Cell& cell, double size_variance,
                         const std::vector<Index>& truths,
                         const Eigen::MatrixXd& levels) {
  const Index n = levels.rows() - 1;
  Eigen::MatrixXd m = levels.bottomRows(n) - levels.topRows(n);
  const double step = cell.memory_every_s / 300;
  const bool walks = cell.noise_rho >= 1;
  const double square = cell.noise_bytes * cell.noise_bytes;
  const double r = walks ? 0 : std::pow(cell.noise_rho, step);
  const double e = walks ? 0 : square * (1 - r * r);
  Eigen::VectorXd w =
      Eigen::VectorXd::Constant(n, 1 + (walks ? 0.09 * square * step : 0));
  for (const Index j : truths) w += size_variance * m.col(j).cwiseMax(0);
  for (Index i = n - 1; i > 0; --i) m.row(i) -= r * m.row(i - 1);
  double below = 0;
  for (Index i = 0; i < n; ++i) {
    const double variance =
        i == 0 ? w(0) + 2 * e / (1 + r) : w(i) + r * r * w(i - 1) + 2 * e;
    const double diagonal = std::sqrt(std::max(variance - below * below, 1e-3));
    if (i > 0) m.row(i) -= below * m.row(i - 1);
    m.row(i) /= diagonal;
    below = -(r * w(i) + e) / diagonal;
  }
  return m;
}

std::vector<Index> TruthsIn(const MadeTraffic& made,
                            const std::vector<std::string>& names) {
  std::vector<Index> truths;
  for (const std::string& truth : made.truths) {
    const auto at = std::lower_bound(names.begin(), names.end(), truth);
    if (at != names.end() && *at == truth) truths.push_back(at - names.begin());
  }
  return truths;
}

// Takes the columns' course out of all columns but themselves.
void TakeOut(const std::vector<Index>& columns, Eigen::MatrixXd& m) {
  for (const Index j : columns) {
    const Eigen::VectorXd q = m.col(j).normalized();
    for (Index i = 0; i < m.cols(); ++i) {
      if (i != j) m.col(i) -= q.dot(m.col(i)) * q;
    }
  }
}

}  // namespace

Oracle AskOracle(const Cell& cell, const MadeTraffic& made) {
  const std::vector<std::string> names = NamesIn(made);
  const Index k = static_cast<Index>(names.size());
  std::vector<Index> truths = TruthsIn(made, names);
  Oracle out;
  if (truths.size() != made.truths.size()) return out;
  std::vector<Eigen::MatrixXd> parts;
  Index rows = 0;
  for (size_t p = 0; p < made.processes.size(); ++p) {
    const Eigen::MatrixXd levels = LevelsOf(made, p, names);
    if (levels.rows() < 4) continue;
    parts.push_back(Whitened(cell, made.size_variance, truths, levels));
    TakeOut({k + 1}, parts.back());
    rows += parts.back().rows();
  }
  Eigen::MatrixXd m(rows, k + 1);
  Index row = 0;
  for (const Eigen::MatrixXd& part : parts) {
    m.middleRows(row, part.rows()) = part.leftCols(k + 1);
    row += part.rows();
  }
  parts.clear();
  collector::TrafficDesign design;
  design.names = names;
  collector::WhiteDesign white;
  white.swept_x = m.leftCols(k);
  const Index truth = truths.front();
  out.vif = collector::SeparabilityOf(design, white, truth, 1e9).vif;
  TakeOut({truths.begin() + 1, truths.end()}, m);
  const double own = m.col(truth).squaredNorm();
  const double beta = m.col(truth).dot(m.col(k)) / own;
  out.error = std::abs(beta / made.bytes_per_request - 1);
  out.t = beta * std::sqrt(own);
  out.sure = out.t > collector::TQuantile(static_cast<double>(rows),
                                          static_cast<double>(k));
  out.first = true;
  for (Index j = 0; j < k; ++j) {
    const bool known =
        std::find(truths.begin(), truths.end(), j) != truths.end();
    const double norm = m.col(j).norm();
    if (known || norm < 1e-6) continue;
    if (m.col(j).dot(m.col(k)) / norm > out.t) out.first = false;
  }
  return out;
}

}  // namespace plimsoll::bench
