#include "tests/bench/versions/oracle.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace plimsoll::bench {
namespace {

// As verdict_bench's.
constexpr double kErrors = 3.5;
constexpr double kEvery_s = 60;

// The line of one pod, look by look, each less what the last makes likely.
class Line {
 public:
  Line(const MadePod& pod, double noise) : pod_(pod), noise_(noise) {}

  void SeeUpTo(double t_s) {
    for (; next_ < pod_.looks.size() && pod_.looks[next_].t_s <= t_s; ++next_) {
      const MadeLook& look = pod_.looks[next_];
      const double y = look.bytes - look.healthy_bytes;
      const double t = look.t_s - pod_.from_s;
      const double rho = next_ == 0 ? 0 : kNoiseFollows;
      const double scale = 1 / std::sqrt(1 - rho * rho);
      const double one = (1 - rho) * scale;
      const double whitened = (y - rho * last_y_) * scale;
      const double time = (t - rho * last_t_) * scale;
      last_y_ = y, last_t_ = t;
      one2_ += one * one, t1_ += time * one, y1_ += whitened * one;
      t2_ += time * time, ty_ += time * whitened;
    }
  }

  // Of the slope: how sure it is, and that times the slope.
  double weight() const {
    return next_ < 3 ? 0 : (t2_ - t1_ * t1_ / one2_) / (noise_ * noise_);
  }
  double weighted_slope() const {
    return next_ < 3 ? 0 : (ty_ - t1_ * y1_ / one2_) / (noise_ * noise_);
  }

 private:
  const MadePod& pod_;
  const double noise_;
  size_t next_ = 0;
  double last_y_ = 0, last_t_ = 0;
  double one2_ = 0, t1_ = 0, y1_ = 0, t2_ = 0, ty_ = 0;
};

}  // namespace

std::optional<double> OracleSpeaks(const MadeVersions& made) {
  std::vector<Line> lines;
  for (const MadePod& pod : made.pods) {
    if (pod.version == kNewVersion) lines.emplace_back(pod, made.noise_bytes);
  }
  for (double t = made.second_pod_s; t <= kVersionHours * 3600; t += kEvery_s) {
    double weight = 0, slope = 0;
    for (Line& line : lines) {
      line.SeeUpTo(t);
      weight += line.weight(), slope += line.weighted_slope();
    }
    if (weight > 0 && slope / std::sqrt(weight) >= kErrors) return t;
  }
  return std::nullopt;
}

}  // namespace plimsoll::bench
