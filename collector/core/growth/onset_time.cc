#include "collector/core/growth/onset_time.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "collector/core/growth/onset_likelihood.h"
#include "collector/core/history/life_rise.h"

namespace plimsoll::collector {
namespace {

constexpr double kMostMissing_s = 900;
// From the first start of the version on, what begins is the version's: a cache
// that is not asked yet, a first request of a kind.
constexpr double kWithVersion_s = 1800;
// One that began this shortly ago is not seen yet.
constexpr double kLeastSince_s = 600;
constexpr double kLeastStep_s = 600;
constexpr size_t kMostTimes = 40;
constexpr size_t kFewestPoints = 8, kMostLives = 12;
// Before anything is looked at: of outages about 70 % are due to a change of a
// live system (Beyer et al., Site Reliability Engineering, 2016, chapter 1).
constexpr double kPrior = 0.7;
constexpr double kSure = 0.95;
constexpr double kNotSeen = std::numeric_limits<double>::quiet_NaN();
using Curve = std::vector<double>;  // by age, each kOnsetGrid_s

// From the second age on: imports are over by then.
Curve CurveOf(const WorkloadLife& life) {
  Curve curve;
  for (size_t i = 1; i < life.blocks.size(); ++i) {
    const MemoryBlock& a = life.blocks[i - 1];
    const MemoryBlock& b = life.blocks[i];
    const double from_s = AgeOf(life, a), to_s = AgeOf(life, b);
    if (to_s <= from_s || to_s - from_s > kMostMissing_s) continue;
    const double first = std::max(1.0, std::ceil(from_s / kOnsetGrid_s));
    for (double k = first; k * kOnsetGrid_s <= to_s; ++k) {
      const double part = (k * kOnsetGrid_s - from_s) / (to_s - from_s);
      curve.resize(static_cast<size_t>(k) + 1, kNotSeen);
      curve.back() = a.floor + part * (b.floor - a.floor);
    }
  }
  return curve;
}

// What lives gain by their age: each has a level of its own.
struct Healthy {
  Curve curve;
  double lives = 0;  // at one age
};

void TakeLevel(Curve& curve, const Curve& healthy) {
  double sum = 0, n = 0;
  for (size_t k = 0; k < std::min(curve.size(), healthy.size()); ++k) {
    const double over = curve[k] - healthy[k];
    if (std::isfinite(over)) sum += over, n += 1;
  }
  for (double& y : curve) y -= n > 0 ? sum / n : 0;
}

Healthy HealthyOf(const std::vector<const WorkloadLife*>& lives) {
  constexpr int kRounds = 20;
  Healthy out;
  std::vector<Curve> curves;
  for (const WorkloadLife* life : lives) curves.push_back(CurveOf(*life));
  for (const Curve& c : curves) {
    out.curve.resize(std::max(out.curve.size(), c.size()), 0);
  }
  double points = 0, ages = 0;
  for (int round = 0; round <= kRounds; ++round) {
    for (Curve& c : curves) TakeLevel(c, out.curve);
    points = ages = 0;
    for (size_t k = 0; k < out.curve.size(); ++k) {
      double sum = 0, n = 0;
      for (const Curve& c : curves) {
        if (k < c.size() && std::isfinite(c[k])) sum += c[k], n += 1;
      }
      out.curve[k] = n > 0 ? sum / n : (round < kRounds ? 0 : kNotSeen);
      points += n, ages += n > 0 ? 1 : 0;
    }
  }
  out.lives = ages > 0 ? points / ages : 0;
  return out;
}

OnsetLife OverHealthy(const WorkloadLife& life, const Healthy& healthy) {
  const Curve curve = CurveOf(life);
  OnsetLife out;
  for (size_t k = 0; k < std::min(curve.size(), healthy.curve.size()); ++k) {
    const double over = curve[k] - healthy.curve[k];
    if (!std::isfinite(over)) continue;
    out.ages_s.push_back(static_cast<double>(k) * kOnsetGrid_s);
    out.over.push_back(over);
  }
  return out;
}

double StepOf(double span_s) {
  return std::max(kLeastStep_s, (span_s - kLeastSince_s - kWithVersion_s) /
                                    static_cast<double>(kMostTimes));
}

std::vector<double> TimesOf(double span_s) {
  std::vector<double> times;
  const double last_s = span_s - kLeastSince_s, step_s = StepOf(span_s);
  for (double t = kWithVersion_s; t <= last_s; t += step_s) times.push_back(t);
  return times;
}

// The time by which so much of the weight is.
double Quantile(const std::vector<double>& times,
                const std::vector<double>& weights, double share) {
  double all = 0, so_far = 0;
  for (const double w : weights) all += w;
  for (size_t i = 0; i < times.size(); ++i) {
    so_far += weights[i];
    if (so_far >= share * all) return times[i];
  }
  return times.back();
}

// Nothing where too little was seen.
std::optional<OnsetLikelihood> OnsetsOf(
    const std::vector<const WorkloadLife*>& lives, const Healthy& healthy) {
  std::vector<OnsetLife> seen;
  double points = 0;
  size_t ages = 0;
  for (const WorkloadLife* life : lives) {
    OnsetLife one = OverHealthy(*life, healthy);
    if (one.over.size() < kFewestPoints) continue;
    one.from_s =
        static_cast<double>(life->start_ns - lives.front()->start_ns) / 1e9;
    points += static_cast<double>(one.over.size());
    ages = std::max(ages, one.over.size());
    seen.push_back(std::move(one));
  }
  if (seen.empty()) return std::nullopt;
  // What is taken off is the same for all of them, and its noise too.
  const double at_once = points / static_cast<double>(ages);
  return OnsetLikelihood(
      seen, (1 + 1 / healthy.lives) / (1 + at_once / healthy.lives));
}

}  // namespace

OnsetTime TimeOfOnset(std::vector<const WorkloadLife*> lives,
                      const std::vector<const WorkloadLife*>& before) {
  OnsetTime out;
  const Healthy healthy = HealthyOf(before);
  if (healthy.lives == 0 || lives.empty()) return out;
  std::stable_sort(lives.begin(), lives.end(),
                   [](const WorkloadLife* a, const WorkloadLife* b) {
                     return a->start_ns < b->start_ns;
                   });
  const int64_t first_ns = lives.front()->start_ns;
  if (lives.size() > kMostLives) lives.resize(kMostLives);
  const auto seen = OnsetsOf(lives, healthy);
  if (!seen) return out;
  const OnsetLikelihood& onsets = *seen;
  const std::vector<double> times = TimesOf(onsets.span_s());
  if (times.empty()) return out;
  const double with = onsets.Of(0) + std::log(kPrior);
  std::vector<double> weights;
  double most = with;
  for (const double t : times) {
    weights.push_back(
        onsets.Of(t) +
        std::log((1 - kPrior) / static_cast<double>(times.size())));
    most = std::max(most, weights.back());
  }
  double later = 0;
  for (double& w : weights) w = std::exp(w - most), later += w;
  out.known = true;
  out.with_version = std::exp(with - most) / (std::exp(with - most) + later);
  if (later <= 0) return out;
  // It is known no better than the times that were looked at lie apart.
  const auto at = [&](double share, double steps) {
    const double at_s = Quantile(times, weights, share);
    return first_ns +
           static_cast<int64_t>((at_s + steps * StepOf(onsets.span_s())) * 1e9);
  };
  out.at_ns = at(0.5, 0), out.from_ns = at(0.025, -1);
  out.to_ns = at(0.975, 1);
  return out;
}

void DateOnset(const OnsetTime& time, VersionOnset& onset) {
  onset.with_version = time.known ? time.with_version : kPrior;
  onset.began = onset.not_before && onset.with_version >= kSure;
  onset.later = onset.not_before && onset.with_version <= 1 - kSure;
  onset.since_ns = onset.since_from_ns = onset.since_to_ns = 0;
  if (onset.later) {
    onset.since_ns = time.at_ns;
    onset.since_from_ns = time.from_ns;
    onset.since_to_ns = time.to_ns;
  }
}

}  // namespace plimsoll::collector
