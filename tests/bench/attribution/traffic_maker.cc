#include "tests/bench/attribution/traffic_maker.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <random>

namespace plimsoll::bench {
namespace {

using Random = std::mt19937_64;

constexpr int kCities = 12;
constexpr int kEndpoints = 4;
constexpr double kStep_s = 15;
constexpr double kDay_s = 86400;
constexpr double kRaising = 0.06;  // of requests
constexpr int64_t kStartNs = 1'700'000'000'000'000'000;
constexpr double kMemoryPhase_s = 4;  // memory is looked at at other moments

constexpr std::array<const char*, kCities> kNames = {
    "singapore", "paris", "tokyo", "berlin", "delhi", "sydney",
    "lima",      "oslo",  "lagos", "perth",  "quito", "dakar"};

double Uniform(Random& random, double lo, double hi) {
  return std::uniform_real_distribution<double>(lo, hi)(random);
}
double Normal(Random& random) {
  return std::normal_distribution<double>()(random);
}
int Poisson(Random& random, double mean) {
  return mean <= 0 ? 0 : std::poisson_distribution<int>(mean)(random);
}

// What all processes share.
struct World {
  std::array<double, kCities> weight{}, phase{}, depth{};
  std::array<double, kEndpoints> endpoint{};
  double hidden_phase = 0;
  int city = 0, second_city = 1, twin = 2, leaking_endpoint = 0;
};

World DrawWorld(Random& random) {
  World w;
  for (size_t c = 0; c < kCities; ++c) {
    w.weight[c] = Uniform(random, 0.5, 1.5);
    w.phase[c] = Uniform(random, 0, 1);
    w.depth[c] = Uniform(random, 0.3, 0.8);
  }
  double sum = 0;
  for (double& e : w.endpoint) sum += e = Uniform(random, 0.3, 1.5);
  for (double& e : w.endpoint) e /= sum;
  w.hidden_phase = Uniform(random, 0, 1);
  w.city = static_cast<int>(Uniform(random, 0, kCities - 1e-9));
  w.second_city = (w.city + 3) % kCities;
  w.twin = (w.city + 1) % kCities;
  w.leaking_endpoint = static_cast<int>(Uniform(random, 0, kEndpoints - 1e-9));
  return w;
}

class Maker {
 public:
  Maker(const Cell& cell, const World& world, int number, Random& random)
      : cell_(cell), world_(world), number_(number), random_(random) {
    double sum = 0;
    for (size_t c = 0; c < kCities; ++c) {
      double local = Uniform(random, 0.4, 1.6);
      if (cell.regions && (static_cast<int>(c) % 2 == number % 2)) local /= 10;
      // The leaking city is the first region's, whichever it is.
      if (cell.regions && static_cast<int>(c) == world.city) {
        local = Uniform(random, 0.4, 1.6) *
                (number % 2 == 0 ? 1 : cell.city_elsewhere);
      }
      mix_[c] = world.weight[c] * local;
      sum += mix_[c];
    }
    const double busier = number % 2 == 0 ? cell.first_requests : 1;
    for (double& m : mix_) m *= busier * cell.requests_per_s / sum;
    saw_ = Uniform(random, 0, 60e6);
    saw_period_s_ = Uniform(random, 600, 2400);
    noise_ = cell.noise_rho < 1 ? cell.noise_bytes * Normal(random) : 0;
    step_s_ = Uniform(random, 0.2, 0.8) * cell.hours * 3600;
    if (cell.base == Base::kRestarts) {
      next_restart_s_ = Uniform(random, 1.5, 6) * 3600;
    }
  }

  // Lives of the process, one after another.
  void Make(MadeTraffic& made) {
    Begin(0);
    const double end_s = cell_.hours * 3600;
    for (double t = 0; t < end_s; t += kStep_s) {
      if (next_restart_s_ > 0 && t >= next_restart_s_) {
        End(made);
        Begin(t);
        next_restart_s_ = t + Uniform(random_, 1.5, 6) * 3600;
      }
      // Memory is looked at while the step's requests go on.
      constexpr double kEarly = kMemoryPhase_s / kStep_s;
      LookAtCounts(t);
      Serve(t, kEarly);
      LookAtMemory(t);
      Serve(t, 1 - kEarly);
    }
    End(made);
  }

  double expected() const { return expected_; }
  double leaked() const { return leaked_; }
  double size_squares() const { return size_squares_; }
  int sizes() const { return sizes_; }

 private:
  void End(MadeTraffic& made) {
    made.processes.push_back(std::move(series_));
    made.bases.push_back(std::move(bases_));
    made.regions.emplace_back(number_ % 2 == 0 ? "first" : "second");
  }

  void Begin(double t) {
    series_ = {};
    bases_.clear();
    counts_.clear();
    leaked_ = 0;
    begun_s_ = t;
    const bool young =
        cell_.base == Base::kWarmUp || cell_.base == Base::kCache || t > 0;
    series_.start_ns =
        kStartNs + static_cast<int64_t>((young ? t : -kDay_s) * 1e9);
  }

  double Daily(double t, double phase, double depth) const {
    return 1 + depth * std::sin(2 * std::numbers::pi * (t / kDay_s + phase));
  }

  double Size() {
    const double mean = cell_.bytes_per_request * Factor();
    if (cell_.tail <= 0) {
      return mean * std::max(0.0, 1 + 0.5 * Normal(random_));
    }
    const double u = std::max(1e-9, Uniform(random_, 0, 1));
    const double least = (cell_.tail - 1) / cell_.tail;
    return mean * least * std::pow(u, -1 / cell_.tail);
  }

  double Factor() const { return number_ % 2 == 0 ? cell_.first_region : 1; }

  void LeakTimes(int requests) {
    for (int i = 0; i < requests; ++i) {
      const double size = Size();
      const double off = size - cell_.bytes_per_request * Factor();
      size_squares_ += off * off;
      ++sizes_;
      leaked_ += size;
    }
  }

  void Count(size_t city, size_t endpoint, bool raises, int n) {
    if (n == 0) return;
    const std::string label = std::string("city=") + kNames[city] +
                              ",endpoint=/v" + std::to_string(endpoint) +
                              ",outcome=" + (raises ? "exception" : "ok");
    counts_[label] += n;
  }

  bool Leaks(size_t city, size_t endpoint, bool raises) const {
    const bool mine = static_cast<int>(city) == world_.city;
    switch (cell_.cause) {
      case Cause::kCity:
        return mine;
      case Cause::kPair:
        return mine && raises;
      case Cause::kEndpoint:
        return static_cast<int>(endpoint) == world_.leaking_endpoint;
      case Cause::kTwoCities:
        return mine || static_cast<int>(city) == world_.second_city;
      case Cause::kAny:
        return true;
      default:
        return false;
    }
  }

  void ServeCity(size_t c, int n) {
    for (int i = 0; i < n; ++i) {
      double u = Uniform(random_, 0, 1);
      size_t e = 0;
      while (e + 1 < kEndpoints && u > world_.endpoint[e]) {
        u -= world_.endpoint[e++];
      }
      const bool raises = Uniform(random_, 0, 1) < kRaising;
      Count(c, e, raises, 1);
      if (Leaks(c, e, raises)) LeakTimes(1);
    }
  }

  // That part of a step's requests.
  void Serve(double t, double part) {
    const double step_s = part * kStep_s;
    int of_the_city = 0;
    for (size_t c = 0; c < kCities; ++c) {
      const double mean =
          mix_[c] * Daily(t, world_.phase[c], world_.depth[c]) * step_s;
      if (cell_.vif > 1 && static_cast<int>(c) == world_.twin) continue;
      const int n = Poisson(random_, mean);
      if (static_cast<int>(c) == world_.city) {
        of_the_city = n;
        if (cell_.cause == Cause::kCity) {
          expected_ += mean * cell_.bytes_per_request * Factor();
        }
      }
      ServeCity(c, n);
    }
    if (cell_.vif > 1) {
      const size_t c = static_cast<size_t>(world_.city);
      const double mean =
          mix_[c] * Daily(t, world_.phase[c], world_.depth[c]) * step_s;
      ServeCity(static_cast<size_t>(world_.twin),
                of_the_city + Poisson(random_, mean / (cell_.vif - 1)));
    }
    const double hidden = cell_.requests_per_s / kCities * step_s;
    if (cell_.cause == Cause::kHidden) LeakTimes(Poisson(random_, hidden));
    if (cell_.cause == Cause::kHiddenDaily) {
      LeakTimes(Poisson(random_, hidden * Daily(t, world_.hidden_phase, 0.8)));
    }
    const double per_step = hidden * cell_.bytes_per_request;
    double by_time = cell_.cause == Cause::kPerTime ? per_step : 0;
    if (cell_.background_share > 0) {
      by_time +=
          per_step * cell_.background_share / (1 - cell_.background_share);
    }
    leaked_ += by_time;
    expected_ += by_time;
  }

  double Shape(double t) {
    const double age = t - begun_s_;
    switch (cell_.base) {
      case Base::kSaw:
        saw_ += 60e6 * kStep_s / saw_period_s_ * (1 + 0.3 * Normal(random_));
        if (saw_ > 60e6) saw_ = 0;
        return saw_;
      case Base::kWarmUp:
        return 150e6 * (1 - std::exp(-age / 2400));
      case Base::kCache:
        return 300e6 * (1 - std::exp(-age / (3 * 3600)));
      case Base::kRestarts:
        return 80e6 * (1 - std::exp(-age / 900));
      case Base::kSteps:
        return t > step_s_ ? 100e6 : 0;
      case Base::kFlat:
        break;
    }
    return 0;
  }

  bool Due(double t, double every_s, double phase_s) const {
    return std::fmod(t + kDay_s - phase_s, every_s) < kStep_s;
  }

  void LookAtCounts(double t) {
    if (!Due(t, cell_.counts_every_s, kStep_s)) return;
    const int64_t now = kStartNs + static_cast<int64_t>(t * 1e9);
    for (const auto& [label, n] : counts_) {
      series_.requests[label].push_back({now, n});
    }
  }

  void LookAtMemory(double t) {
    const double rho = std::pow(cell_.noise_rho, kStep_s / 300);
    noise_ = cell_.noise_rho < 1
                 ? rho * noise_ + cell_.noise_bytes * std::sqrt(1 - rho * rho) *
                                      Normal(random_)
                 : noise_ + 0.3 * cell_.noise_bytes * std::sqrt(kStep_s / 300) *
                                Normal(random_);
    const double shape = Shape(t);
    const int64_t now = kStartNs + static_cast<int64_t>(t * 1e9);
    if (Due(t, cell_.memory_every_s, 0)) {
      series_.bytes.push_back({now + static_cast<int64_t>(kMemoryPhase_s * 1e9),
                               500e6 + noise_ + shape + leaked_});
      bases_.push_back(shape);
    }
  }

  const Cell& cell_;
  const World& world_;
  const int number_;
  double expected_ = 0;
  Random& random_;
  std::array<double, kCities> mix_{};
  double saw_ = 0, saw_period_s_ = 0, noise_ = 0, step_s_ = 0;
  double next_restart_s_ = 0, begun_s_ = 0, leaked_ = 0;
  std::map<std::string, double> counts_;
  double size_squares_ = 0;
  int sizes_ = 0;
  collector::TrafficSeries series_;
  std::vector<double> bases_;  // of its memory
};

std::string City(int c) {
  return std::string("city=") + kNames[static_cast<size_t>(c)];
}

std::vector<std::string> Truths(const Cell& cell, const World& world) {
  switch (cell.cause) {
    case Cause::kCity:
      return {City(world.city)};
    case Cause::kPair:
      return {City(world.city) + ",outcome=exception"};
    case Cause::kEndpoint:
      return {"endpoint=/v" + std::to_string(world.leaking_endpoint)};
    case Cause::kTwoCities:
      return {City(world.city), City(world.second_city)};
    case Cause::kAny:
      return {""};
    default:
      return {};
  }
}

}  // namespace

MadeTraffic MakeTraffic(const Cell& cell, uint64_t seed) {
  Random random(seed);
  const World world = DrawWorld(random);
  MadeTraffic made;
  made.bytes_per_request = cell.bytes_per_request;
  if (cell.tail <= 0) {
    // Of a normal of mean 1 and deviation .5 that is cut at zero.
    made.bytes_per_request *= 1.00426;
  }
  made.truths = Truths(cell, world);
  double size_squares = 0, sizes = 0;
  for (int p = 0; p < cell.processes; ++p) {
    Maker maker(cell, world, p, random);
    const bool first = p % 2 == 0;
    maker.Make(made);
    size_squares += maker.size_squares();
    sizes += maker.sizes();
    const int firsts = (cell.processes + 1) / 2;
    const double process_seconds =
        cell.hours * 3600 * (first ? firsts : cell.processes - firsts);
    (first ? made.expected_first : made.expected_second) +=
        maker.expected() / process_seconds;
    (first ? made.leaked_first : made.leaked_second) +=
        maker.leaked() / process_seconds;
  }
  if (sizes > 0) made.size_variance = size_squares / sizes;
  return made;
}

}  // namespace plimsoll::bench
