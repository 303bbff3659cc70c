// What is found point by point is what the formula says, to the last digit.
#include "collector/core/growth/onset_likelihood.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace plimsoll::collector {
namespace {

double Added(double a, double b) {
  const double most = std::max(a, b);
  return most + std::log(std::exp(a - most) + std::exp(b - most));
}

// The formula, each shape of each life from its first point on.
class Plainly {
 public:
  Plainly(const std::vector<OnsetLife>& lives, double independent)
      : lives_(lives), independent_(independent) {
    for (const OnsetLife& life : lives) {
      points_ += static_cast<double>(life.over.size());
      span_s_ = std::max(span_s_, life.from_s + life.ages_s.back());
    }
  }

  double Of(double onset_s) const {
    double all = 0;
    for (size_t m = 0; m < kNoiseFollows.size(); ++m) {
      const double follows = kNoiseFollows[m];
      double sum = OfShape(follows, onset_s, span_s_, 1, kOnsetStraight);
      for (const double at : kOnsetTurns) {
        for (const double turned : kOnsetTurned) {
          sum = Added(
              sum, OfShape(follows, onset_s, onset_s + at * (span_s_ - onset_s),
                           turned, (1 - kOnsetStraight) / 8));
        }
      }
      all = m == 0 ? sum : Added(all, sum);
    }
    return all;
  }

 private:
  double OfShape(double follows, double onset_s, double turns_s, double turned,
                 double prior) const {
    double squares = 0, weight = 0;
    for (const OnsetLife& life : lives_) {
      double y2 = 0, y1 = 0, one2 = 0, yg = 0, g2 = 0, g1 = 0, last = 0;
      double log_weight = 0;
      for (size_t i = 0; i < life.over.size(); ++i) {
        double rho = 0;
        if (i > 0 && follows > 0) {
          rho = std::pow(follows,
                         (life.ages_s[i] - life.ages_s[i - 1]) / kOnsetGrid_s);
        }
        const double scale = 1 / std::sqrt(1 - rho * rho);
        const double t_s = life.from_s + life.ages_s[i];
        const double bytes =
            std::max(0.0, std::min(t_s, turns_s) - onset_s) +
            turned * std::max(0.0, t_s - std::max(turns_s, onset_s));
        const double before = i == 0 ? 0 : life.over[i - 1];
        const double y = (life.over[i] - rho * before) * scale;
        const double one = (1 - rho) * scale;
        const double g = (bytes - rho * last) * scale;
        last = bytes;
        log_weight += std::log(scale);
        y2 += y * y, y1 += y * one, one2 += one * one;
        yg += y * g, g2 += g * g, g1 += g * one;
      }
      log_weight -= 0.5 * std::log(one2);
      const double yy = y2 - y1 * y1 / one2;
      const double gg = g2 - g1 * g1 / one2;
      const double gy = yg - g1 * y1 / one2;
      squares += gg > 0 && gy > 0 ? yy - gy * gy / gg : yy;
      weight += independent_ * log_weight;
    }
    const double free =
        independent_ * (points_ - 2 * static_cast<double>(lives_.size()));
    return weight +
           (std::log(prior) - free / 2 * std::log(std::max(squares, 1.0)));
  }

  const std::vector<OnsetLife>& lives_;
  const double independent_;
  double points_ = 0, span_s_ = 0;
};

TEST(OnsetLikelihood, IsWhatTheFormulaSaysToTheLastDigit) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> share;
  std::normal_distribution<double> noise(0, 4e6);
  for (int run = 0; run < 60; ++run) {
    std::vector<OnsetLife> lives;
    const size_t count = 1 + run % 6;
    for (size_t i = 0; i < count; ++i) {
      OnsetLife life;
      life.from_s = i == 0 ? 0 : 7000 * share(random);
      const double since_s = 9000 * share(random);
      const double pace = 1e4 * share(random);
      for (int k = 1; k < 10 + run; ++k) {
        if (share(random) < 0.1) continue;  // a gap
        const double age_s = k * kOnsetGrid_s;
        life.ages_s.push_back(age_s);
        life.over.push_back(pace * std::max(0.0, age_s - since_s) +
                            noise(random));
      }
      lives.push_back(life);
    }
    const double independent = 0.3 + 0.7 * share(random);
    const OnsetLikelihood asked(lives, independent);
    const Plainly plain(lives, independent);
    // With the version, on a point of the grid, between and after all.
    for (const double onset_s :
         {0.0, 1800.0, 9000 * share(random), asked.span_s() * share(random),
          asked.span_s() - 300, asked.span_s() + 1}) {
      EXPECT_EQ(asked.Of(onset_s), plain.Of(onset_s)) << run << " " << onset_s;
    }
  }
}

}  // namespace
}  // namespace plimsoll::collector
