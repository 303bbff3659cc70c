#include "collector/core/stats/level_noise.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace plimsoll::collector {
namespace {

using Eigen::Index;

constexpr std::array<double, 14> kWalks = {
    0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 1};
// Rows' worth of belief that a process is as noisy as the others.
constexpr double kScalePrior = 20;

struct Likelihood {
  double minus_two_log = 0;  // restricted
  double plain = 0;
  std::vector<double> rss;  // by process
};

Likelihood LikelihoodOf(const std::vector<ProcessRows>& processes,
                        const std::vector<Index>& columns, double walk,
                        const std::vector<double>& scales) {
  const Index k = static_cast<Index>(columns.size());
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(k + 1, k + 1);
  std::vector<Eigen::MatrixXd> swept;
  double log_det = 0, of_noise = 0, rows = 0, all_rows = 0;
  for (size_t p = 0; p < processes.size(); ++p) {
    const ProcessRows& rows_of = processes[p];
    const Index n = rows_of.dy.size();
    const Index own = rows_of.own.cols();
    Eigen::MatrixXd m(n, own + k + 1);  // its own, columns, y
    m.leftCols(own) = rows_of.own;
    for (Index j = 0; j < k; ++j) {
      m.col(own + j) = rows_of.dx.col(columns[static_cast<size_t>(j)]);
    }
    m.col(own + k) = rows_of.dy;
    const double noise = Whiten(walk, scales[p], rows_of.dt, m);
    of_noise += noise;
    log_det += noise;
    Eigen::MatrixXd rest = m.rightCols(k + 1);
    log_det += Sweep(m.leftCols(own), rest);
    gram += rest.transpose() * rest;
    rows += static_cast<double>(n - own);
    all_rows += static_cast<double>(n);
    swept.push_back(std::move(rest));
  }
  Eigen::VectorXd beta = Eigen::VectorXd::Zero(k);
  if (k > 0) {
    Eigen::MatrixXd x = gram.topLeftCorner(k, k);
    x.diagonal() *= 1 + 1e-10;
    const Eigen::LLT<Eigen::MatrixXd> llt(x);
    if (llt.info() == Eigen::Success) {
      beta = llt.solve(gram.topRightCorner(k, 1));
      log_det += 2 * llt.matrixLLT().diagonal().array().log().sum();
    }
  }
  Likelihood out;
  double rss = 0;
  for (const Eigen::MatrixXd& rest : swept) {
    const Eigen::VectorXd residual = rest.col(k) - rest.leftCols(k) * beta;
    out.rss.push_back(residual.squaredNorm());
    rss += out.rss.back();
  }
  const double log_rss =
      std::log(std::max(rss, std::numeric_limits<double>::min()));
  const double dof = std::max(1.0, rows - static_cast<double>(k));
  out.minus_two_log = dof * log_rss + log_det;
  out.plain = all_rows * log_rss + of_noise;
  return out;
}

// Of the grid, the place of the likeliest.
size_t BestWalk(const std::vector<ProcessRows>& processes,
                const std::vector<Index>& columns,
                const std::vector<double>& scales) {
  size_t best = kWalks.size() - 1;
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < kWalks.size(); ++i) {
    const double at =
        LikelihoodOf(processes, columns, kWalks[i], scales).minus_two_log;
    if (at < least) least = at, best = i;
  }
  return best;
}

// The same from nearby, uphill: other scales move it little.
size_t WalkUphill(const std::vector<ProcessRows>& processes,
                  const std::vector<Index>& columns,
                  const std::vector<double>& scales, size_t from) {
  const auto at = [&](size_t i) {
    return LikelihoodOf(processes, columns, kWalks[i], scales).minus_two_log;
  };
  double least = at(from);
  size_t best = from;
  for (size_t i = from; i > 0; --i) {
    const double next = at(i - 1);
    if (next >= least) break;
    least = next, best = i - 1;
  }
  for (size_t i = from; best >= from && i + 1 < kWalks.size(); ++i) {
    const double next = at(i + 1);
    if (next >= least) break;
    least = next, best = i + 1;
  }
  return best;
}

}  // namespace

double Whiten(double walk, double scale, const Eigen::VectorXd& dt,
              Eigen::Ref<Eigen::MatrixXd> columns) {
  // Covariance of increments over scale^2: walk dt_i + 2 (1 - walk) on the
  // diagonal, -(1 - walk) beside it. Cholesky's factor is bidiagonal.
  const double white = 1 - walk;
  double below = 0, log_det = 0;
  for (Index i = 0; i < dt.size(); ++i) {
    const double variance = walk * dt(i) + 2 * white - below * below;
    const double diagonal = std::sqrt(std::max(variance, 1e-12));
    if (i > 0) columns.row(i) -= below * columns.row(i - 1);
    columns.row(i) /= diagonal;
    log_det += 2 * std::log(diagonal * scale);
    below = -white / diagonal;
  }
  columns /= scale;
  return log_det;
}

double Sweep(const Eigen::MatrixXd& own, Eigen::Ref<Eigen::MatrixXd> rest) {
  Eigen::MatrixXd q = own;
  double log_det = 0;
  for (Index j = 0; j < q.cols(); ++j) {
    for (Index i = 0; i < j; ++i) {
      q.col(j) -= q.col(i).dot(q.col(j)) * q.col(i);
    }
    const double norm = q.col(j).norm();
    if (norm <= 1e-9 * own.col(j).norm() || norm <= 0) {
      q.col(j).setZero();  // nothing of its own is left
      continue;
    }
    log_det += 2 * std::log(norm);
    q.col(j) /= norm;
    rest -= q.col(j) * (q.col(j).transpose() * rest);
  }
  return log_det;
}

LevelNoise EstimateNoise(const std::vector<ProcessRows>& processes,
                         const std::vector<Index>& columns) {
  LevelNoise noise;
  noise.scales.assign(processes.size(), 1);
  const size_t first = BestWalk(processes, columns, noise.scales);
  noise.walk = kWalks[first];
  const Likelihood at =
      LikelihoodOf(processes, columns, noise.walk, noise.scales);
  double rss = 0, rows = 0, square = 0;
  for (size_t p = 0; p < processes.size(); ++p) {
    rss += at.rss[p];
    rows += static_cast<double>(processes[p].dy.size() - 1);
    square += processes[p].dy.squaredNorm();
  }
  // A memory without noise must not divide by zero.
  const double common = std::max(
      {rss / std::max(1.0, rows), 1e-10 * square / std::max(1.0, rows), 1e-9});
  for (size_t p = 0; p < processes.size(); ++p) {
    const double n = static_cast<double>(processes[p].dy.size() - 1);
    noise.scales[p] =
        std::sqrt((at.rss[p] + kScalePrior * common) / (n + kScalePrior));
  }
  noise.walk = kWalks[WalkUphill(processes, columns, noise.scales, first)];
  return noise;
}

double MinusTwoLog(const std::vector<ProcessRows>& processes,
                   const std::vector<Index>& columns, const LevelNoise& noise) {
  return LikelihoodOf(processes, columns, noise.walk, noise.scales).plain;
}

}  // namespace plimsoll::collector
