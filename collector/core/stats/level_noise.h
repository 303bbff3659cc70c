// The noise of a memory level: white (teeth of a saw, requests in flight) plus
// a random walk (leaked sizes vary, floors drift), in a proportion that is
// estimated. leak-analysis 3.3 step 2 quasi-differences with an estimated rho;
// this is the same idea for the sum of both kinds, of which each alone, levels
// or increments, is an end. Increments of white + walk have a tridiagonal
// covariance, so whitening costs O(n) a column.
// Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_STATS_LEVEL_NOISE_H_
#define PLIMSOLL_COLLECTOR_CORE_STATS_LEVEL_NOISE_H_

#include <Eigen/Core>
#include <vector>

namespace plimsoll::collector {

// Increments of one process between n + 1 looks: lengths in units of the mean
// one, growth of memory, and of each regressor.
struct ProcessRows {
  Eigen::VectorXd dt, dy;
  Eigen::MatrixXd dx;
  // What each process has of its own beside its level, swept out of the rest:
  // its slope (dt), and where it is young a curve of its age.
  Eigen::MatrixXd own;
};

struct LevelNoise {
  double walk = 1;             // share of the walk in an increment's variance
  std::vector<double> scales;  // standard deviation, by process
};

// In place of the increments: rows that are independent with equal variance if
// the noise is as said. Returns log |covariance| of the increments.
double Whiten(double walk, double scale, const Eigen::VectorXd& dt,
              Eigen::Ref<Eigen::MatrixXd> columns);

// Takes the columns `own` out of `rest`, both whitened; the log determinant of
// own' own.
double Sweep(const Eigen::MatrixXd& own, Eigen::Ref<Eigen::MatrixXd> rest);

// Restricted maximum likelihood (Patterson and Thompson 1971) of `walk` over a
// grid, with the columns named, an intercept and a slope per process in the
// model; each process has its own scale, drawn to the common one.
LevelNoise EstimateNoise(const std::vector<ProcessRows>& processes,
                         const std::vector<Eigen::Index>& columns);

// Minus twice the log likelihood (not restricted: different columns may be
// compared), up to a constant of the data.
double MinusTwoLog(const std::vector<ProcessRows>& processes,
                   const std::vector<Eigen::Index>& columns,
                   const LevelNoise& noise);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_STATS_LEVEL_NOISE_H_
