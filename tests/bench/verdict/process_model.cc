#include "tests/bench/verdict/process_model.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/bench/verdict/shape_ranges.h"

namespace plimsoll::bench {
namespace {

constexpr double kDay_s = 86400, kHour_s = 3600;
constexpr double kMiB = 1 << 20;

constexpr double kMostHealthy = 0.9;  // of the limit

size_t At(Shape shape) { return static_cast<size_t>(shape); }

// What its shapes take at the most, but for what the limit presses on.
double MostOfShapes(const Traits& t) {
  const auto of = [&t](Shape shape, double bytes) {
    return t.has[At(shape)] ? bytes : 0;
  };
  return of(Shape::kSaw, t.saw) + of(Shape::kWarmUp, t.warm) +
         of(Shape::kCache, t.cache) + of(Shape::kStep, t.step) +
         of(Shape::kDiurnal, t.load_bytes) +
         of(Shape::kHighWater, t.high_water);
}

}  // namespace

double Uniform(Random& random, double lo, double hi) {
  return std::uniform_real_distribution<double>(lo, hi)(random);
}
double LogUniform(Random& random, double lo, double hi) {
  return std::exp(Uniform(random, std::log(lo), std::log(hi)));
}
double ParetoSize(double tail, Random& random) {
  const double u = std::max(1e-9, Uniform(random, 0, 1));
  const double least = (tail - 1) / tail;
  return std::min(50.0, least * std::pow(u, -1 / tail));
}

double Draw(const Range& range, Random& random) {
  return range.log ? LogUniform(random, range.lo, range.hi)
                   : Uniform(random, range.lo, range.hi);
}

Traits DrawTraits(Shape shape, double hours, Random& random) {
  Traits t;
  t.limit = std::exp2(std::floor(Uniform(random, 28, 32)));  // .25 to 2 GiB
  t.base = t.limit * Draw(range::kBase, random);
  t.noise = t.base * Draw(range::kNoise, random);
  t.noise_s = Draw(range::kNoise_s, random);
  t.saw = t.limit * Draw(range::kSaw, random);
  t.saw_s = Draw(range::kSaw_s, random);
  t.warm = t.limit * Draw(range::kWarm, random);
  t.warm_s = Draw(range::kWarm_s, random);
  t.cache = t.limit * Draw(range::kCache, random);
  t.cache_linear = Uniform(random, 0, 1) < 0.4;
  t.cache_s = kHour_s * Draw(t.cache_linear ? range::kEvenCache_h
                                            : range::kSlowingCache_h,
                             random);
  t.pressure_per_s = t.limit * Draw(range::kPressure_per_h, random) / kHour_s;
  t.pressure_top = t.limit * Draw(range::kPressureTop, random);
  t.pressure_given_back = Draw(range::kGivenBack, random);
  t.step = t.limit * Draw(range::kStep, random);
  t.step_at_s = Draw(range::kStepAt, random) * hours * kHour_s;
  t.load_bytes = t.limit * Draw(range::kLoad, random);
  t.high_water = t.limit * Draw(range::kHighWater, random);
  t.requests_per_s = LogUniform(random, 0.5, 20);
  t.load_phase_s = Uniform(random, 0, kDay_s);
  t.load_depth = Draw(range::kLoadDepth, random);
  t.has[At(shape)] = true;
  if (shape == Shape::kMixed) {
    t.has[static_cast<size_t>(Uniform(random, 1, kShapes - 1))] = true;
    t.has[static_cast<size_t>(Uniform(random, 1, kShapes - 1))] = true;
    t.saw /= 2, t.cache /= 2, t.warm /= 2, t.load_bytes /= 2;
  }
  // No healthy one meets its limit.
  t.base = std::min(t.base, kMostHealthy * t.limit - MostOfShapes(t));
  return t;
}

double LoadAt(const Traits& t, double t_s) {
  const double phase = 2 * std::numbers::pi * (t_s + t.load_phase_s) / kDay_s;
  return 1 - t.load_depth * (0.5 + 0.5 * std::sin(phase));
}

ProcessModel::ProcessModel(const Traits& traits, const LeakTraits& leak,
                           const std::array<double, kCities>& mix,
                           Random& random)
    : traits_(traits),
      leak_(leak),
      mix_(mix),
      random_(random),
      base_(traits.base * Uniform(random, 0.95, 1.05)),
      saw_(Uniform(random, 0, traits.saw)) {}

double ProcessModel::Step(double t_s, double age_s, double dt_s) {
  const double load = LoadAt(traits_, t_s);
  LeakSome(t_s, dt_s, load);
  const double keep = std::exp(-dt_s / traits_.noise_s);
  noise_ =
      keep * noise_ + traits_.noise * std::sqrt(1 - keep * keep) * Normal();
  parts_ = {};
  parts_.base = base_ * (1 - 0.6 * std::exp(-age_s / 20));
  parts_.noise = noise_;
  double bytes = parts_.base + noise_;
  const double in_flight = 0.3 * kMiB * std::abs(Normal());
  parts_.in_flight = in_flight;
  bytes += in_flight;
  bytes += Shapes(t_s, age_s, dt_s);
  const double all = bytes + leaked_;
  path_ = bytes - noise_ - in_flight;
  const bool kept =
      traits_.has[At(Shape::kPressure)] && !traits_.pressure_in_use;
  const bool most = traits_.has[At(Shape::kHighWater)];
  in_use_ = all - (kept ? std::max(0.0, kept_) : 0) - (most ? most_ : 0);
  if (kept) parts_.pressure = 0;
  if (traits_.has[At(Shape::kPressure)] && all > traits_.pressure_top) {
    kept_ *= 1 - traits_.pressure_given_back;
  }
  return all;
}

double ProcessModel::Shapes(double t_s, double age_s, double dt_s) {
  const Traits& t = traits_;
  const double load = LoadAt(t, t_s);
  double bytes = 0;
  if (t.has[At(Shape::kSaw)]) {
    saw_ += t.saw * dt_s / t.saw_s * load * (1 + 0.3 * Normal());
    if (saw_ > t.saw) saw_ = 0;
    parts_.saw = std::max(0.0, saw_);
    bytes += parts_.saw;
  }
  if (t.has[At(Shape::kWarmUp)]) {
    parts_.warm = t.warm * (1 - std::exp(-age_s / t.warm_s));
    bytes += parts_.warm;
  }
  if (t.has[At(Shape::kCache)]) {
    parts_.cache =
        t.cache * (t.cache_linear ? std::min(1.0, age_s / t.cache_s)
                                  : 1 - std::exp(-age_s / t.cache_s));
    bytes += parts_.cache;
  }
  if (t.has[At(Shape::kPressure)]) {
    kept_ += t.pressure_per_s * dt_s * (1 + 0.3 * Normal());
    parts_.pressure = std::max(0.0, kept_);
    bytes += parts_.pressure;
  }
  if (t.has[At(Shape::kStep)] && t_s > t.step_at_s) parts_.step = t.step;
  bytes += parts_.step;
  if (t.has[At(Shape::kDiurnal)]) parts_.load = t.load_bytes * load;
  bytes += parts_.load;
  if (t.has[At(Shape::kHighWater)]) {
    // A burst now and then; what it needed is kept.
    if (Uniform(random_, 0, 1) < dt_s / 1800) {
      most_ = std::max(most_, t.high_water * load * Uniform(random_, 0.2, 1));
    }
    bytes += most_;
  }
  return bytes;
}

void ProcessModel::LeakSome(double t_s, double dt_s, double load) {
  const double mean = traits_.requests_per_s * load * dt_s;
  double leaking = 0;
  for (size_t c = 0; c < kCities; ++c) {
    const double n =
        std::poisson_distribution<int>(std::max(1e-9, mean * mix_[c]))(random_);
    requests_[c] += static_cast<float>(n);
    if (leak_.city < 0 || leak_.city == static_cast<int>(c)) leaking += n;
  }
  if (leak_.kind == Leak::kNone) return;
  if (leak_.kind == Leak::kIntermittent &&
      std::fmod(t_s, leak_.on_s + leak_.off_s) > leak_.on_s) {
    return;
  }
  if (leak_.per_request <= 0) {
    leaked_ += leak_.bytes_per_s * dt_s * std::max(0.0, 1 + 0.3 * Normal());
    return;
  }
  for (int i = 0; i < static_cast<int>(leaking); ++i) {
    leaked_ += leak_.per_request *
               (leak_.tail > 0 ? ParetoSize(leak_.tail, random_) : 1);
  }
}

}  // namespace plimsoll::bench
