#include "tests/unit/collector/core/memory_shapes.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace plimsoll::collector {
namespace {

constexpr double kVehicleBytes = 170;
constexpr double kBaseBytes = 60 * kMiB;
constexpr double kNativeBytes = 9 * kMiB;
constexpr double kRequestsPerS = 8;
constexpr double kLumpBytes = 1.6 * kMiB;

class Model {
 public:
  explicit Model(const ShapeOptions& o) : o_(o), random_(o.seed) {}

  // One second of life; returns live bytes above the base.
  double Step(double age) {
    const double amplitude = o_.amplitude_of_limit * o_.limit_bytes;
    double load = 1;
    switch (o_.shape) {
      case Shape::kFlat:
        break;
      case Shape::kLeakOnSaw:
        garbage_ += 0.05 * o_.limit_bytes / o_.period_s * Noise(0.1);
        if (std::fmod(age, o_.period_s) < 1) garbage_ = 0;
        [[fallthrough]];
      case Shape::kLeakSmooth:
        kept_ += o_.rate_bytes_per_s * Noise(0.3);
        break;
      case Shape::kLeakLumpy:
        kept_ += kLumpBytes * Poisson(o_.rate_bytes_per_s / kLumpBytes);
        break;
      case Shape::kSawAndCache:
        kept_ = 0.6 * amplitude * std::min(1.0, age / 150);
        [[fallthrough]];
      case Shape::kSaw:
        garbage_ += amplitude / o_.period_s * Noise(0.3);
        if (std::fmod(age, o_.period_s) < 1) garbage_ = 0;
        break;
      case Shape::kCacheLinear:
        kept_ = amplitude * std::min(1.0, age / o_.period_s);
        break;
      case Shape::kCacheSaturating:
        kept_ = amplitude * (1 - std::exp(-age / o_.period_s));
        break;
      case Shape::kLoadRamp:
      case Shape::kLoadRampBlind:
        load = std::clamp(age / o_.period_s, 0.05, 1.0);
        kept_ = amplitude * load;
        break;
    }
    requests_ += Poisson(kRequestsPerS * load);
    return kept_ + garbage_;
  }
  double Noise(double sd) {
    return 1 + sd * std::normal_distribution<double>()(random_);
  }
  double requests() const { return requests_; }
  double kept() const { return kept_ + garbage_; }

 private:
  double Poisson(double mean) {
    return std::poisson_distribution<int>(mean)(random_);
  }
  const ShapeOptions o_;
  std::mt19937_64 random_;
  double kept_ = 0, garbage_ = 0, requests_ = 0;
};

Observation Look(Model& model, const ShapeOptions& o, double age, double usage,
                 bool census) {
  Observation out;
  out.time_ns = kStartNs + static_cast<int64_t>(age * 1e9);
  out.anon_bytes = usage * model.Noise(0.002);
  const double in_flight = o.in_flight_bytes * std::abs(model.Noise(1) - 1);
  *out.anon_bytes += in_flight;
  out.cgroup_usage_bytes = *out.anon_bytes + 3 * kMiB;
  out.limit_bytes = o.limit_bytes;
  if (o.shape != Shape::kLoadRampBlind) out.requests_total = model.requests();
  if (census) {
    out.has_census = true;
    const double objects = (1 - o.native_share) * model.kept();
    const double own = std::floor(objects / (2 * kVehicleBytes));
    out.types = {
        {"dict", 20000 + own * model.Noise(0.001), kVehicleBytes * own + 4e6},
        {"routing.vehicles.FloatingVehicle", own, kVehicleBytes * own},
        {"str", 60000 * model.Noise(0.01), 6e6 * model.Noise(0.01)},
        {"collections.deque", 40, 25000}};
    if (o.malloc_read) {
      out.native_bytes =
          kNativeBytes + o.native_share * (model.kept() + in_flight);
    }
  }
  return out;
}

}  // namespace

Life MakeLife(const ShapeOptions& o) {
  Model model(o);
  std::mt19937_64 random(o.seed * 7919 + 13);
  const int memory_phase = std::uniform_int_distribution<int>(0, 9)(random);
  const int census_phase = std::uniform_int_distribution<int>(0, 29)(random);
  Life life;
  for (int age = 0; age < static_cast<int>(o.life_s); ++age) {
    const double live = model.Step(age);
    const double base = kBaseBytes * std::min(1.0, 0.3 + age / 12.0);
    if (base + live + 3 * kMiB >= o.limit_bytes) {
      life.oom_s = age;
      break;
    }
    const bool memory = age % 10 == memory_phase;
    const bool census = age % 30 == census_phase;
    if (age < o.watched_from_s || (!memory && !census)) continue;
    life.observations.push_back(Look(model, o, age, base + live, census));
  }
  return life;
}

}  // namespace plimsoll::collector
