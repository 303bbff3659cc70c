#include "tests/bench/verdict/type_maker.h"

#include <algorithm>
#include <cmath>

namespace plimsoll::bench {
namespace {

constexpr double kHour_s = 3600;
constexpr double kNoObject = 1.0 / 6;  // of the leaks

size_t Pick(Random& random, size_t from, size_t to) {
  return from + static_cast<size_t>(
                    Uniform(random, 0, static_cast<double>(to - from) - 1e-9));
}

// Over one to three builtins, and with a class of its own in half of the cases.
Spread DrawSpread(Random& random) {
  Spread spread{};
  double rest = 1;
  if (Uniform(random, 0, 1) < 0.5) {
    const double share = LogUniform(random, 0.05, 0.6);
    spread[Pick(random, kBuiltinTypes, kTypes)] += share;
    rest -= share;
  }
  const size_t builtins = Pick(random, 1, 4);
  std::array<double, 3> weights{};
  double sum = 0;
  for (size_t i = 0; i < builtins; ++i) {
    weights[i] = Uniform(random, 0.1, 1);
    sum += weights[i];
  }
  for (size_t i = 0; i < builtins; ++i) {
    // The first few are those that most things are made of.
    const size_t to = Uniform(random, 0, 1) < 0.7 ? 5 : kBuiltinTypes;
    spread[Pick(random, 0, to)] += rest * weights[i] / sum;
  }
  return spread;
}

Spread DrawBase(Random& random) {
  Spread spread{};
  double sum = 0;
  for (double& share : spread) sum += share = LogUniform(random, 0.003, 1);
  const double objects = Uniform(random, 0.3, 0.9);
  for (double& share : spread) share *= objects / sum;
  return spread;
}

}  // namespace

TypeTraits DrawTypeTraits(const Traits& traits, Random& random) {
  TypeTraits t;
  t.base = DrawBase(random);
  for (Spread* of : {&t.in_flight, &t.saw, &t.warm, &t.cache, &t.pressure,
                     &t.step, &t.load, &t.leak}) {
    *of = DrawSpread(random);
  }
  if (Uniform(random, 0, 1) < kNoObject) t.leak = {};
  for (size_t i = 0; i < kTypes; ++i) {
    t.wander[i] = LogUniform(random, 0.0005, 0.03);
    t.object[i] = LogUniform(random, 40, 400);
  }
  t.wander_s = LogUniform(random, 60, 3600);
  const size_t creeps = Pick(random, 1, 4);
  for (size_t i = 0; i < creeps; ++i) {
    const size_t at = Pick(random, 0, kTypes);
    t.creep[at] = traits.limit * LogUniform(random, 0.0002, 0.01);
    t.creep_s[at] = kHour_s * LogUniform(random, 1, 24);
  }
  if (Uniform(random, 0, 1) < 1.0 / 3) t.one_in = LogUniform(random, 4, 32);
  return t;
}

TypeBytes TypeMaker::Look(double t_s, double age_s, const Parts& parts,
                          double leaked) {
  const TypeTraits& t = traits_;
  const double keep = std::exp(-(t_s - looked_s_) / t.wander_s);
  looked_s_ = t_s;
  TypeBytes out{};
  for (size_t i = 0; i < kTypes; ++i) {
    wander_[i] = keep * wander_[i] + std::sqrt(1 - keep * keep) * Normal();
    double bytes = t.base[i] * (parts.base + parts.noise);
    bytes *= 1 + t.wander[i] * wander_[i];
    bytes += t.in_flight[i] * parts.in_flight + t.saw[i] * parts.saw +
             t.warm[i] * parts.warm + t.cache[i] * parts.cache +
             t.pressure[i] * parts.pressure + t.step[i] * parts.step +
             t.load[i] * parts.load + t.leak[i] * leaked;
    if (t.creep[i] > 0) {
      bytes += t.creep[i] * (1 - std::exp(-age_s / t.creep_s[i]));
    }
    if (t.one_in > 1 && bytes > 0) {
      const double objects = bytes / t.object[i];
      bytes += t.object[i] * std::sqrt(objects * (t.one_in - 1)) * Normal();
    }
    out[i] = static_cast<float>(std::max(0.0, bytes));
  }
  return out;
}

}  // namespace plimsoll::bench
