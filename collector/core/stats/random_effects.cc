#include "collector/core/stats/random_effects.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

namespace plimsoll::collector {
namespace {

constexpr double kNormal95 = 1.96;
constexpr double kLeastVariance = 1e-12;

double WeightOf(double variance) {
  return 1 / std::max(variance, kLeastVariance);
}

}  // namespace

double Width95(size_t values) {
  if (values < 3) return kNormal95;
  const boost::math::students_t t(static_cast<double>(values - 1));
  return boost::math::quantile(t, 0.975);
}

double BetweenVariance(const std::vector<Effect>& effects) {
  if (effects.size() < 2) return 0;
  double w = 0, wy = 0, ww = 0;
  for (const Effect& e : effects) {
    const double weight = WeightOf(e.variance);
    w += weight, wy += weight * e.value, ww += weight * weight;
  }
  const double fixed = wy / w;
  double q = 0;
  for (const Effect& e : effects) {
    q += WeightOf(e.variance) * (e.value - fixed) * (e.value - fixed);
  }
  const double chance = static_cast<double>(effects.size() - 1);
  return std::max(0.0, (q - chance) / std::max(w - ww / w, 1e-300));
}

Effect WeightedMean(const std::vector<Effect>& effects) {
  const double between = BetweenVariance(effects);
  double sum = 0, mean = 0;
  for (const Effect& e : effects) {
    const double weight = WeightOf(e.variance + between);
    sum += weight, mean += weight * e.value;
  }
  return {mean / sum, 1 / sum};
}

Estimate MeanRate(const std::vector<Estimate>& rates) {
  Estimate mean = OwnMeanOf(rates);
  std::vector<Effect> known;  // that have an interval
  bool all_rise = true;
  for (const Estimate& rate : rates) {
    all_rise = all_rise && rate.lo > 0;
    const Effect effect = EffectOf(rate);
    if (std::isfinite(effect.variance)) known.push_back(effect);
  }
  const double between = BetweenVariance(known);
  if (between <= 0 || !std::isfinite(mean.hi - mean.lo)) return mean;
  const double spread = Width95(known.size()) *
                        std::sqrt(between / static_cast<double>(known.size()));
  mean.lo = mean.value - std::hypot(mean.value - mean.lo, spread);
  mean.hi = mean.value + std::hypot(mean.hi - mean.value, spread);
  if (all_rise) mean.lo = std::max(0.0, mean.lo);
  return mean;
}

Estimate SumOf(const std::vector<Estimate>& estimates) {
  Estimate sum{0, 0, 0};
  double lo = 0, hi = 0;
  for (const Estimate& e : estimates) {
    sum.value += e.value;
    lo += (e.value - e.lo) * (e.value - e.lo);
    hi += (e.hi - e.value) * (e.hi - e.value);
  }
  sum.lo = sum.value - std::sqrt(lo);
  sum.hi = sum.value + std::sqrt(hi);
  return sum;
}

Estimate Scaled(const Estimate& e, double factor) {
  return {e.value * factor, e.lo * factor, e.hi * factor};
}

Estimate OwnMeanOf(const std::vector<Estimate>& estimates) {
  if (estimates.empty()) return {};
  return Scaled(SumOf(estimates), 1 / static_cast<double>(estimates.size()));
}

Effect EffectOf(const Estimate& estimate) {
  const double error = (estimate.hi - estimate.lo) / 2 / kNormal95;
  return {estimate.value, error * error};
}

}  // namespace plimsoll::collector
