#include "collector/core/traffic/traffic_fit.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "collector/core/history/gauges.h"

namespace plimsoll::collector {
namespace {

using Eigen::Index;

// Of a column's own variance, what must be left past the others.
constexpr double kLeastOfItsOwn = 1e-4;
constexpr int kMostSwaps = 6;

struct Option {
  Index column = 0;
  double rss = 0;
};

bool Contains(const std::vector<Index>& columns, Index column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

// Every column that could be added to `base` with all coefficients positive,
// best first, as long as it is within `margin` of the best.
std::vector<Option> Options(const WhiteDesign& d,
                            const std::vector<Index>& base, double margin) {
  const Index k = static_cast<Index>(base.size());
  Eigen::MatrixXd q(d.swept_x.rows(), k);
  for (Index j = 0; j < k; ++j) {
    q.col(j) = d.swept_x.col(base[static_cast<size_t>(j)]);
  }
  Eigen::VectorXd rest = d.swept_y;
  Eigen::MatrixXd inner = Eigen::MatrixXd::Zero(0, d.swept_x.cols());
  if (k > 0) {
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(q);
    q = qr.householderQ() * Eigen::MatrixXd::Identity(q.rows(), k);
    rest -= q * (q.transpose() * d.swept_y);
    inner = q.transpose() * d.swept_x;
  }
  const double rss = rest.squaredNorm();
  const Eigen::VectorXd cross = d.swept_x.transpose() * rest;
  std::vector<Option> options;
  for (Index j = 0; j < d.swept_x.cols(); ++j) {
    if (Contains(base, j) || cross(j) <= 0) continue;
    const double whole = d.swept_x.col(j).squaredNorm();
    const double own = whole - inner.col(j).squaredNorm();
    if (own <= kLeastOfItsOwn * whole) continue;
    options.push_back({j, std::max(0.0, rss - cross(j) * cross(j) / own)});
  }
  std::stable_sort(
      options.begin(), options.end(),
      [](const Option& a, const Option& b) { return a.rss < b.rss; });
  std::vector<Option> out;
  for (const Option& option : options) {
    if (!out.empty() && Deviance(d, option.rss, out.front().rss) > margin) {
      break;
    }
    std::vector<Index> columns = base;
    columns.push_back(option.column);
    bool feasible = false;
    FitColumns(d, columns, &feasible);
    if (feasible) out.push_back(option);
  }
  return out;
}

// The best option, or the simplest of its parents that does nearly as well.
size_t Simplest(const TrafficDesign& names, const std::vector<Option>& all) {
  size_t chosen = 0;
  for (size_t i = 1; i < all.size(); ++i) {
    const auto& mine = names.names[static_cast<size_t>(all[i].column)];
    const auto& best = names.names[static_cast<size_t>(all[chosen].column)];
    if (mine.size() < best.size() && IsPartOf(best, mine)) chosen = i;
  }
  return chosen;
}

}  // namespace

WhiteDesign WhitenDesign(const TrafficDesign& design, LevelNoise noise) {
  WhiteDesign out;
  const Index k = static_cast<Index>(design.names.size());
  out.x.resize(design.rows, k);
  out.y.resize(design.rows);
  const Index owns = design.processes.front().own.cols();
  out.own.resize(design.rows, owns);
  out.swept_x.resize(design.rows, k);
  out.swept_y.resize(design.rows);
  Index row = 0;
  for (size_t p = 0; p < design.processes.size(); ++p) {
    const ProcessRows& rows = design.processes[p];
    const Index n = rows.dy.size();
    Eigen::MatrixXd m(n, k + 1 + owns);
    m.leftCols(k) = rows.dx;
    m.col(k) = rows.dy;
    m.rightCols(owns) = rows.own;
    Whiten(noise.walk, noise.scales[p], rows.dt, m);
    out.x.middleRows(row, n) = m.leftCols(k);
    out.y.segment(row, n) = m.col(k);
    out.own.middleRows(row, n) = m.rightCols(owns);
    Sweep(out.own.middleRows(row, n), m.leftCols(k + 1));
    out.swept_x.middleRows(row, n) = m.leftCols(k);
    out.swept_y.segment(row, n) = m.col(k);
    out.first_rows.push_back(row);
    row += n;
  }
  out.first_rows.push_back(row);
  out.noise = std::move(noise);
  return out;
}

ColumnFit FitColumns(const WhiteDesign& d, const std::vector<Index>& columns,
                     bool* feasible) {
  ColumnFit fit;
  fit.columns = columns;
  const Index k = static_cast<Index>(columns.size());
  Eigen::MatrixXd x(d.swept_x.rows(), k);
  for (Index j = 0; j < k; ++j) {
    x.col(j) = d.swept_x.col(columns[static_cast<size_t>(j)]);
  }
  fit.beta =
      k == 0 ? Eigen::VectorXd()
             : Eigen::VectorXd(
                   (x.transpose() * x).ldlt().solve(x.transpose() * d.swept_y));
  fit.rss = (d.swept_y - x * fit.beta).squaredNorm();
  if (feasible != nullptr) *feasible = k == 0 || fit.beta.minCoeff() > 0;
  return fit;
}

double Deviance(const WhiteDesign& d, double rss, double best_rss) {
  const double least = 1e-12 * std::max(d.swept_y.squaredNorm(), 1e-300);
  return static_cast<double>(d.free_rows()) *
         std::log(std::max(rss, least) / std::max(best_rss, least));
}

SearchResult SearchColumns(const TrafficDesign& names, const WhiteDesign& d,
                           const TrafficThresholds& thresholds) {
  // What is left once the first cause is taken out is searched again among as
  // many columns: a further one must be surer.
  const double one =
      std::log(static_cast<double>(std::max<Index>(d.free_rows(), 2))) +
      thresholds.min_bic_gain;
  const double further = one + thresholds.further_bic_gain;
  std::vector<Index> chosen;
  double rss = d.swept_y.squaredNorm();
  while (static_cast<int>(chosen.size()) < thresholds.max_causes) {
    const double price = chosen.empty() ? one : further;
    const auto options = Options(d, chosen, thresholds.min_bic_gain);
    if (options.empty() || Deviance(d, rss, options.front().rss) < price) break;
    std::vector<Index> next = chosen;
    next.push_back(options[Simplest(names, options)].column);
    // What was chosen when it stood alone may be the worse for the new one.
    for (int swap = 0, since = 0; swap < kMostSwaps && since < 2; ++swap) {
      std::vector<Index> rest = next;
      const Index old = rest.front();
      rest.erase(rest.begin());
      const auto better = Options(d, rest, thresholds.min_bic_gain);
      if (better.empty()) break;
      const Index now = better[Simplest(names, better)].column;
      rest.push_back(now);
      since = now == old ? since + 1 : 0;
      next = rest;
      if (next.size() < 2) break;
    }
    const double before = rss;
    const ColumnFit fit = FitColumns(d, next, nullptr);
    if (Deviance(d, before, fit.rss) < price) break;
    chosen = next;
    rss = fit.rss;
  }
  SearchResult out;
  out.fit = FitColumns(d, chosen, nullptr);
  for (const Index column : chosen) {
    std::vector<Index> rest;
    for (const Index other : chosen) {
      if (other != column) rest.push_back(other);
    }
    const auto options = Options(d, rest, thresholds.min_bic_gain);
    std::vector<Index> rivals;
    for (const Option& option : options) {
      if (option.column != column &&
          Deviance(d, option.rss, out.fit.rss) < thresholds.rival_margin) {
        rivals.push_back(option.column);
      }
    }
    out.rivals.push_back(std::move(rivals));
  }
  return out;
}

}  // namespace plimsoll::collector
