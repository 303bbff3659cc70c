#include "collector/core/stats/robust_slope.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>
#include <utility>

#include "collector/core/stats/pair_slopes.h"

namespace plimsoll::collector {
namespace {

constexpr size_t kMaxPoints = 400;
// Above this the residuals' autocorrelation cannot be told from a random walk
// in a hundred points.
constexpr double kRandomWalkRho = 0.7;
// Fewer points than this say nothing about the kind of their errors.
constexpr int kFewPoints = 20;

Epoch Thinned(const Epoch& epoch) {
  if (epoch.size() <= kMaxPoints) return epoch;
  Epoch out;
  out.reserve(kMaxPoints);
  for (size_t i = 0; i < kMaxPoints; ++i) {
    out.push_back(epoch[i * (epoch.size() - 1) / (kMaxPoints - 1)]);
  }
  return out;
}

// Residuals about the line of this slope through each epoch's mean.
std::vector<double> Residuals(const Epoch& epoch, double slope) {
  std::vector<double> r;
  r.reserve(epoch.size());
  for (const Point& p : epoch) {
    r.push_back(p.y - slope * (p.t_s - epoch.front().t_s));
  }
  const double mean = std::accumulate(r.begin(), r.end(), 0.0) /
                      static_cast<double>(std::max<size_t>(r.size(), 1));
  for (double& v : r) v -= mean;
  return r;
}

std::vector<double> Ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t j = i;
    while (j < order.size() && values[order[j]] == values[order[i]]) ++j;
    const double mid = 0.5 * static_cast<double>(i + j - 1);
    for (size_t k = i; k < j; ++k) ranks[order[k]] = mid;
    i = j;
  }
  return ranks;
}

// Autocorrelations of one series, lag by lag.
class Autocorrelations {
 public:
  explicit Autocorrelations(std::vector<double> values)
      : away_(std::move(values)) {
    const double mean = std::accumulate(away_.begin(), away_.end(), 0.0) /
                        static_cast<double>(std::max<size_t>(away_.size(), 1));
    for (double& v : away_) {
      v -= mean;
      squares_ += v * v;
    }
  }

  double At(size_t lag) const {
    if (away_.size() <= lag + 1 || squares_ <= 0) return 0;
    double sum = 0;
    for (size_t i = 0; i + lag < away_.size(); ++i) {
      sum += away_[i] * away_[i + lag];
    }
    return sum / squares_;
  }

 private:
  std::vector<double> away_;
  double squares_ = 0;
};

// Hamed and Rao's factor on the variance of S.
double VarianceFactor(const Epoch& epoch, double slope) {
  const double n = static_cast<double>(epoch.size());
  if (epoch.size() < 8) return 1;
  const Autocorrelations ranks(Ranks(Residuals(epoch, slope)));
  double sum = 0;
  for (size_t k = 1; k <= epoch.size() / 3; ++k) {
    const double r = ranks.At(k);
    if (std::abs(r) < 1.96 / std::sqrt(n)) break;
    const double kk = static_cast<double>(k);
    sum += (n - kk) * (n - kk - 1) * (n - kk - 2) * r;
  }
  return std::max(1.0, 1 + 2 / (n * (n - 1) * (n - 2)) * sum);
}

// Long-run variance of a series by Bartlett weights.
double LongRunVariance(const std::vector<double>& v, size_t lags) {
  const double n = static_cast<double>(v.size());
  double sum = 0;
  for (double x : v) sum += x * x;
  for (size_t k = 1; k <= lags && k < v.size(); ++k) {
    double c = 0;
    for (size_t i = 0; i + k < v.size(); ++i) c += v[i] * v[i + k];
    sum += 2 * (1 - static_cast<double>(k) / static_cast<double>(lags + 1)) * c;
  }
  return std::max(sum / n, 0.0);
}

struct ErrorSums {
  double sxx = 0;  // of centred times
  double rss = 0;
  double meat = 0;  // Newey-West, of x * residual
  double rho_top = 0, rho_bottom = 0;
  double steps = 0, span_s = 0, step_variance = 0;
  double points = 0, epochs = 0;
};

void AddEpoch(const Epoch& epoch, double slope, ErrorSums& sums) {
  if (epoch.size() < 2) return;
  const std::vector<double> r = Residuals(epoch, slope);
  double mean_t = 0;
  for (const Point& p : epoch) mean_t += p.t_s;
  mean_t /= static_cast<double>(epoch.size());
  std::vector<double> scores, increments;
  for (size_t i = 0; i < epoch.size(); ++i) {
    const double x = epoch[i].t_s - mean_t;
    sums.sxx += x * x;
    sums.rss += r[i] * r[i];
    scores.push_back(x * r[i]);
    if (i > 0) {
      sums.rho_top += r[i] * r[i - 1];
      increments.push_back(r[i] - r[i - 1]);
    }
    sums.rho_bottom += r[i] * r[i];
  }
  const size_t lags = static_cast<size_t>(std::ceil(
      4 * std::pow(static_cast<double>(epoch.size()) / 100, 2.0 / 9)));
  sums.meat +=
      LongRunVariance(scores, lags) * static_cast<double>(scores.size());
  // Two lags take out what white noise of the level adds to an increment.
  const double n = static_cast<double>(increments.size());
  sums.step_variance += LongRunVariance(increments, 2) * n;
  sums.steps += n;
  sums.span_s += epoch.back().t_s - epoch.front().t_s;
  sums.points += static_cast<double>(epoch.size());
  sums.epochs += 1;
}

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

double RobustDeviation(const std::vector<double>& values) {
  const double median = Median(values);
  std::vector<double> away;
  away.reserve(values.size());
  for (double v : values) away.push_back(std::abs(v - median));
  return 1.4826 * Median(std::move(away));
}

std::optional<double> TheilSen(std::span<const Epoch> epochs) {
  std::vector<Epoch> thinned;
  thinned.reserve(epochs.size());
  for (const Epoch& epoch : epochs) thinned.push_back(Thinned(epoch));
  return MedianPairSlope(std::move(thinned));
}

double HamedRaoZ(std::span<const Epoch> epochs, double slope) {
  double s = 0, variance = 0;
  for (const Epoch& full : epochs) {
    const Epoch epoch = Thinned(full);
    const double n = static_cast<double>(epoch.size());
    if (epoch.size() < 4) continue;
    const PairCount pairs = CountPairs(epoch, 0);
    s += pairs.rises_less_falls;
    variance += VarianceFactor(epoch, slope) *
                (n * (n - 1) * (2 * n + 5) - pairs.ties) / 18;
  }
  if (variance <= 0) return 0;
  const double sign = s > 0 ? 1 : (s < 0 ? -1 : 0);
  return (s - sign) / std::sqrt(variance);
}

double SlopeError(std::span<const Epoch> epochs, double slope) {
  ErrorSums sums;
  for (const Epoch& epoch : epochs) AddEpoch(Thinned(epoch), slope, sums);
  const double dof = sums.points - sums.epochs - 1;
  if (dof < 1 || sums.sxx <= 0) {
    return std::numeric_limits<double>::infinity();
  }
  const double newey_west =
      std::sqrt(sums.meat) / sums.sxx * std::sqrt(sums.points / dof);
  const double rho = std::clamp(
      sums.rho_bottom > 0 ? sums.rho_top / sums.rho_bottom : 0, 0.0, 0.98);
  const double least_squares =
      std::sqrt(sums.rss / dof / sums.sxx) * std::sqrt((1 + rho) / (1 - rho));
  double error = std::max(newey_west, least_squares);
  if (rho > kRandomWalkRho || sums.points < kFewPoints) {
    // Slope of a random walk of n steps: variance 6/5 of that of its mean.
    const double walk = std::sqrt(1.2 * sums.step_variance) / sums.span_s;
    error = std::max(error, walk);
  }
  return error;
}

namespace {

std::optional<Estimate> Interval(std::span<const Epoch> epochs,
                                 double inflation) {
  size_t points = 0, used = 0;
  for (const Epoch& e : epochs) {
    points += std::min(e.size(), kMaxPoints);
    used += e.empty() ? 0 : 1;
  }
  if (points < 4 || points < used + 2) return std::nullopt;
  const std::optional<double> slope = TheilSen(epochs);
  if (!slope) return std::nullopt;
  const double dof = static_cast<double>(points - used - 1);
  const double t = boost::math::quantile(boost::math::students_t(dof), 0.975);
  const double half = t * inflation * SlopeError(epochs, *slope);
  return Estimate{*slope, *slope - half, *slope + half};
}

}  // namespace

std::optional<SlopeFit> FitSlope(std::span<const Epoch> epochs,
                                 double inflation) {
  const std::optional<Estimate> slope = Interval(epochs, inflation);
  if (!slope) return std::nullopt;
  SlopeFit fit{*slope, HamedRaoZ(epochs, slope->value), 0};
  for (const Epoch& e : epochs) fit.points += static_cast<int>(e.size());
  return fit;
}

std::optional<SlopeFit> FitSlope(const Epoch& epoch, double inflation) {
  return FitSlope(std::span<const Epoch>(&epoch, 1), inflation);
}

std::optional<Estimate> FitSlopeOnly(const Epoch& epoch, double inflation) {
  return Interval(std::span<const Epoch>(&epoch, 1), inflation);
}

}  // namespace plimsoll::collector
