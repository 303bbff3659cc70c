#include "collector/core/stats/level_noise.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <random>

namespace plimsoll::collector {
namespace {

using Eigen::Index;

// Increments of white noise of this deviation plus a walk of that.
ProcessRows Made(double white, double walk, Index n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  ProcessRows rows;
  rows.dt = Eigen::VectorXd::Ones(n);
  rows.dy.resize(n);
  rows.dx.resize(n, 0);
  rows.own = rows.dt;
  double before = white * normal(random);
  for (Index i = 0; i < n; ++i) {
    const double now = white * normal(random);
    rows.dy(i) = now - before + walk * normal(random) + 3;
    before = now;
  }
  return rows;
}

TEST(LevelNoise, WhiteningInvertsTheCovariance) {
  const double walk = 0.3, scale = 2;
  const Eigen::VectorXd dt = (Eigen::VectorXd(5) << 1, 2, 0.5, 1, 3).finished();
  Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(5, 5);
  for (Index i = 0; i < 5; ++i) {
    covariance(i, i) = walk * dt(i) + 2 * (1 - walk);
    if (i > 0) covariance(i, i - 1) = covariance(i - 1, i) = -(1 - walk);
  }
  covariance *= scale * scale;
  Eigen::MatrixXd w = Eigen::MatrixXd::Identity(5, 5);
  const double log_det = Whiten(walk, scale, dt, w);
  EXPECT_NEAR(log_det, std::log(covariance.determinant()), 1e-9);
  EXPECT_NEAR((w * covariance * w.transpose() - Eigen::MatrixXd::Identity(5, 5))
                  .cwiseAbs()
                  .maxCoeff(),
              0, 1e-9);
}

TEST(LevelNoise, TellsAWalkFromWhiteNoise) {
  const std::vector<ProcessRows> walk = {Made(0, 1, 400, 1)};
  const std::vector<ProcessRows> white = {Made(1, 0, 400, 2)};
  const std::vector<ProcessRows> both = {Made(3, 1, 2000, 3)};
  EXPECT_GE(EstimateNoise(walk, {}).walk, 0.9);
  EXPECT_LE(EstimateNoise(white, {}).walk, 0.01);
  // A tenth of the variance is the walk's: 1 / (1 + 9).
  EXPECT_NEAR(EstimateNoise(both, {}).walk, 0.1, 0.1);
}

TEST(LevelNoise, AQuietProcessHasTheSmallerScale) {
  const std::vector<ProcessRows> two = {Made(0, 1, 300, 1),
                                        Made(0, 10, 300, 2)};
  const LevelNoise noise = EstimateNoise(two, {});
  EXPECT_LT(noise.scales[0] * 3, noise.scales[1]);
}

TEST(LevelNoise, AMemoryThatNeverMovesDividesByNothing) {
  ProcessRows rows = Made(0, 0, 50, 1);
  rows.dy.setZero();
  const LevelNoise noise = EstimateNoise({rows}, {});
  EXPECT_TRUE(std::isfinite(noise.scales[0]));
  EXPECT_GT(noise.scales[0], 0);
}

TEST(LevelNoise, SweepLeavesNothingOfWhatIsItsOwn) {
  Eigen::MatrixXd own(6, 2);
  own << 1, 0, 1, 1, 1, 2, 1, 3, 1, 4, 1, 5;
  Eigen::MatrixXd rest(6, 1);
  rest << 1, 4, 2, 8, 5, 7;
  Sweep(own, rest);
  EXPECT_NEAR((own.transpose() * rest).cwiseAbs().maxCoeff(), 0, 1e-9);
  // A curve that is no other than the slope takes nothing twice.
  Eigen::MatrixXd same(6, 2);
  same << own.col(0), 2 * own.col(0);
  Sweep(same, rest);
  EXPECT_TRUE(rest.allFinite());
}

}  // namespace
}  // namespace plimsoll::collector
