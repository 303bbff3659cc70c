#include "collector/core/growth/onset_likelihood.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace plimsoll::collector {
namespace {

constexpr size_t kMemories = kNoiseFollows.size();

// Of two logs, the log of the sum.
double Added(double a, double b) {
  return std::max(a, b) + std::log(1 + std::exp(-std::abs(a - b)));
}

}  // namespace

// Bytes of a leak of one byte a second, from an onset on.
struct OnsetLikelihood::Shape {
  double onset_s = 0, turns_s = 0, turned = 1;
  double At(double t_s) const {
    const double first = std::max(0.0, std::min(t_s, turns_s) - onset_s);
    return first + turned * std::max(0.0, t_s - std::max(turns_s, onset_s));
  }
};

// A life beside a shape, point by point. Up to its turn a shape is as the one
// that does not turn, so what was added up to there is a copy.
class OnsetLikelihood::Beside {
 public:
  explicit Beside(const Life& life) : life_(&life) {}

  // To the last point that is no later; before the onset there is nothing to
  // add.
  void AddTo(double last_s, const Shape& shape) {
    for (; at_ < life_->at_s.size() && life_->at_s[at_] <= last_s; ++at_) {
      const double t_s = life_->at_s[at_];
      if (t_s > shape.onset_s) Add(life_->points[at_], shape.At(t_s));
    }
  }

  // Squares that the shape, at a pace of its own, leaves of the life.
  double Left(size_t m) const {
    const Life& life = *life_;
    const double yy = life.y2[m] - life.y1[m] * life.y1[m] / life.one2[m];
    const double gg = g2_[m] - g1_[m] * g1_[m] / life.one2[m];
    const double gy = yg_[m] - g1_[m] * life.y1[m] / life.one2[m];
    return gg > 0 && gy > 0 ? yy - gy * gy / gg : yy;
  }

  double log_weight(size_t m) const { return life_->log_weight[m]; }

 private:
  void Add(const Whitened& point, double bytes) {
    for (size_t m = 0; m < kMemories; ++m) {
      const double g = (bytes - point.follows[m] * last_) * point.scale[m];
      yg_[m] += point.y[m] * g;
      g2_[m] += g * g;
      g1_[m] += g * point.one[m];
    }
    last_ = bytes;
  }

  const Life* life_;
  size_t at_ = 0;
  double last_ = 0;  // of the shape
  ByMemory yg_{}, g2_{}, g1_{};
};

OnsetLikelihood::OnsetLikelihood(const std::vector<OnsetLife>& lives,
                                 double independent)
    : independent_(independent) {
  for (const OnsetLife& life : lives) {
    lives_.push_back(WhitenedOf(life));
    points_ += static_cast<double>(life.over.size());
    span_s_ = std::max(span_s_, life.from_s + life.ages_s.back());
  }
}

OnsetLikelihood::Life OnsetLikelihood::WhitenedOf(const OnsetLife& life) {
  const std::vector<double>& ages_s = life.ages_s;
  const std::vector<double>& over = life.over;
  Life out;
  for (const double age_s : ages_s) out.at_s.push_back(life.from_s + age_s);
  out.points.resize(over.size());
  for (size_t m = 0; m < kMemories; ++m) {
    double last_gap = -1, rho = 0, scale = 1, log_scale = 0;
    for (size_t i = 0; i < over.size(); ++i) {
      const double gap =
          i == 0 ? 0 : (ages_s[i] - ages_s[i - 1]) / kOnsetGrid_s;
      if (gap != last_gap) {  // most are one
        last_gap = gap;
        rho = i == 0 || kNoiseFollows[m] == 0 ? 0
                                              : std::pow(kNoiseFollows[m], gap);
        scale = 1 / std::sqrt(1 - rho * rho);
        log_scale = std::log(scale);
      }
      Whitened& w = out.points[i];
      w.follows[m] = rho;
      w.scale[m] = scale;
      w.one[m] = (1 - rho) * scale;
      w.y[m] = (over[i] - (i == 0 ? 0 : rho * over[i - 1])) * scale;
      out.log_weight[m] += log_scale;
      out.y2[m] += w.y[m] * w.y[m];
      out.y1[m] += w.y[m] * w.one[m];
      out.one2[m] += w.one[m] * w.one[m];
    }
    // The level may be any (restricted likelihood: Patterson and Thompson).
    out.log_weight[m] -= 0.5 * std::log(out.one2[m]);
  }
  return out;
}

// Of all lives, from where they stand beside the shape.
OnsetLikelihood::ByMemory OnsetLikelihood::OfShape(std::vector<Beside> lives,
                                                   const Shape& shape,
                                                   double prior) const {
  ByMemory squares{}, out{};
  for (Beside& life : lives) {
    life.AddTo(std::numeric_limits<double>::infinity(), shape);
    for (size_t m = 0; m < kMemories; ++m) {
      squares[m] += life.Left(m);
      out[m] += independent_ * life.log_weight(m);
    }
  }
  const double free =
      independent_ * (points_ - 2 * static_cast<double>(lives_.size()));
  for (size_t m = 0; m < kMemories; ++m) {
    out[m] += std::log(prior) - free / 2 * std::log(std::max(squares[m], 1.0));
  }
  return out;
}

double OnsetLikelihood::Of(double onset_s) const {
  const double since_s = span_s_ - onset_s;
  const auto turns =
      static_cast<double>(kOnsetTurns.size() * kOnsetTurned.size());
  std::vector<Beside> straight(lives_.begin(), lives_.end());
  const Shape even{onset_s, span_s_, 1};
  std::vector<ByMemory> all;
  for (const double at : kOnsetTurns) {
    const double turns_s = onset_s + at * since_s;
    for (Beside& one : straight) one.AddTo(turns_s, even);
    for (const double turned : kOnsetTurned) {
      all.push_back(OfShape(straight, {onset_s, turns_s, turned},
                            (1 - kOnsetStraight) / turns));
    }
  }
  ByMemory sum = OfShape(std::move(straight), even, kOnsetStraight);
  for (const ByMemory& one : all) {
    for (size_t m = 0; m < kMemories; ++m) sum[m] = Added(sum[m], one[m]);
  }
  double out = sum.front();
  for (size_t m = 1; m < kMemories; ++m) out = Added(out, sum[m]);
  return out;
}

}  // namespace plimsoll::collector
