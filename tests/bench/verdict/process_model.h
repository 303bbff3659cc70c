// The memory of one made-up process, step by step.
#ifndef PLIMSOLL_TESTS_BENCH_VERDICT_PROCESS_MODEL_H_
#define PLIMSOLL_TESTS_BENCH_VERDICT_PROCESS_MODEL_H_

#include <array>
#include <random>

#include "tests/bench/verdict/fleet_maker.h"

namespace plimsoll::bench {

using Random = std::mt19937_64;
double Uniform(Random& random, double lo, double hi);
double LogUniform(Random& random, double lo, double hi);
// Mean 1, heavy-tailed, at most 50.
double ParetoSize(double tail, Random& random);

// Of a workload; each of its processes differs from it by a little.
struct Traits {
  std::array<bool, kShapes> has{};
  double limit = 0, base = 0, noise = 0, noise_s = 0;
  double saw = 0, saw_s = 0;
  double warm = 0, warm_s = 0;
  double cache = 0, cache_s = 0;
  bool cache_linear = false;     // fills at an even pace, else ever slower
  bool pressure_in_use = false;  // else the allocator keeps it
  double pressure_per_s = 0, pressure_top = 0, pressure_given_back = 0;
  double step = 0, step_at_s = 0;
  double load_bytes = 0;  // at full load
  double high_water = 0;  // of a burst
  double requests_per_s = 0, load_phase_s = 0, load_depth = 0;
};
Traits DrawTraits(Shape shape, double hours, Random& random);

// 0 to 1 and a bit.
double LoadAt(const Traits& traits, double t_s);

struct LeakTraits {
  Leak kind = Leak::kNone;
  double bytes_per_s = 0;  // mean at mean load
  double tail = 0;         // Pareto exponent of sizes; 0: all alike
  double per_request = 0;  // of leaking requests
  double on_s = 0, off_s = 0;
  int city = -1;
};

// What is in use, by what needs it: all but the leak. Bytes of the newest step.
struct Parts {
  double base = 0, noise = 0, in_flight = 0;
  double saw = 0, warm = 0, cache = 0, pressure = 0, step = 0, load = 0;
};

class ProcessModel {
 public:
  ProcessModel(const Traits& traits, const LeakTraits& leak,
               const std::array<double, kCities>& mix, Random& random);
  // The next `dt_s` of a life that is `age_s` old at `t_s`; bytes in use.
  double Step(double t_s, double age_s, double dt_s);
  double leaked() const { return leaked_; }
  // Of the newest step: without leak and noise, and what of all is in use.
  double path() const { return path_; }
  double in_use() const { return in_use_; }
  const Parts& parts() const { return parts_; }
  const std::array<float, kCities>& requests() const { return requests_; }

 private:
  double Normal() { return std::normal_distribution<double>()(random_); }
  double Shapes(double t_s, double age_s, double dt_s);
  void LeakSome(double t_s, double dt_s, double load);

  const Traits traits_;
  const LeakTraits leak_;
  const std::array<double, kCities> mix_;
  Random& random_;
  double base_, noise_ = 0, saw_ = 0, kept_ = 0, most_ = 0, leaked_ = 0;
  double path_ = 0, in_use_ = 0;
  Parts parts_;
  std::array<float, kCities> requests_{};
};

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERDICT_PROCESS_MODEL_H_
