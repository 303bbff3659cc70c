// Whether the intervals of measured growth hold as often as they say, on lives
// whose leak is known and whose noise is of one kind. Deterministic.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "collector/core/growth/growth_measure.h"
#include "collector/core/history/life_log.h"

namespace plimsoll::collector {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kHour_s = 3600, kScrape_s = 15;
constexpr int kLives = 60;
constexpr double kWatched_s = 12 * kHour_s, kAge_s = 18 * kHour_s;
constexpr double kRate = 20 * kMiB / kHour_s;

using Random = std::mt19937_64;

// What is leaked and what else is there, sample by sample.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual double Leaks(double t_s) = 0;  // bytes, in the next kScrape_s
  virtual double Noise(double t_s) = 0;  // bytes
};

double Normal(Random& random) {
  return std::normal_distribution<double>()(random);
}
double Uniform(Random& random, double lo, double hi) {
  return std::uniform_real_distribution<double>(lo, hi)(random);
}

// A steady leak beneath correlated noise; of correlation time 0 it is white.
class Correlated : public Memory {
 public:
  Correlated(Random& random, double correlation_s)
      : random_(random),
        keep_(correlation_s > 0 ? std::exp(-kScrape_s / correlation_s) : 0) {}
  double Leaks(double) override { return kRate * kScrape_s; }
  double Noise(double) override {
    at_ =
        keep_ * at_ + 2 * kMiB * std::sqrt(1 - keep_ * keep_) * Normal(random_);
    return at_;
  }

 private:
  Random& random_;
  const double keep_;
  double at_ = 0;
};

// Garbage, whose teeth are of uneven length.
class Saw : public Correlated {
 public:
  Saw(Random& random, double tooth_s)
      : Correlated(random, 0),
        random_(random),
        tooth_s_(tooth_s),
        at_(Uniform(random, 0, 1)) {}
  double Noise(double t_s) override {
    at_ += kScrape_s / tooth_s_ * (1 + 0.3 * Normal(random_));
    if (at_ > 1) at_ = 0;
    return 0.2 * Correlated::Noise(t_s) + 40 * kMiB * std::max(0.0, at_);
  }

 private:
  Random& random_;
  const double tooth_s_;
  double at_;
};

// Of the same mean, in lumps as large as requests are.
class Lumps : public Correlated {
 public:
  Lumps(Random& random, double tail)
      : Correlated(random, 300), random_(random), tail_(tail) {}
  double Leaks(double) override {
    double sum = 0;
    const double each = 0.1 * kMiB;
    const int n =
        std::poisson_distribution<int>(kRate * kScrape_s / each)(random_);
    for (int i = 0; i < n; ++i) {
      const double size =
          (tail_ - 1) / tail_ * std::pow(Uniform(random_, 1e-9, 1), -1 / tail_);
      sum += each * std::min(50.0, size);
    }
    return sum;
  }

 private:
  Random& random_;
  const double tail_;
};

class OnAndOff : public Correlated {
 public:
  explicit OnAndOff(Random& random)
      : Correlated(random, 300),
        on_s_(Uniform(random, 1800, 5400)),
        off_s_(Uniform(random, 1800, 5400)),
        phase_s_(Uniform(random, 0, 5400)) {}
  double Leaks(double t_s) override {
    return std::fmod(t_s + phase_s_, on_s_ + off_s_) < on_s_
               ? 2 * kRate * kScrape_s
               : 0;
  }

 private:
  const double on_s_, off_s_, phase_s_;
};

struct Made {
  WorkloadLife life;
  std::vector<double> leaked;  // by sample
};

int64_t Ns(double t_s) {
  return 1'700'000'000'000'000'000 + static_cast<int64_t>(t_s * 1e9);
}

Made Make(Memory& memory) {
  Made made;
  LifeLog log;
  double leaked = 0;
  std::vector<Sample> samples;
  for (double t_s = 0; t_s <= kWatched_s; t_s += kScrape_s) {
    leaked += memory.Leaks(t_s);
    made.leaked.push_back(leaked);
    samples.push_back({Ns(t_s), 200 * kMiB + leaked + memory.Noise(t_s)});
  }
  log.Add(samples);
  made.life.version = "v1";
  made.life.start_ns = Ns(kWatched_s - kAge_s);
  log.MoveTo(made.life.blocks);
  return made;
}

struct Coverage {
  double measured = 0, held = 0;  // shares, the second of the first
  double half_width = 0;          // of the rate, median
};

using Maker = std::function<std::unique_ptr<Memory>(Random&)>;

Coverage CoverageOf(const Maker& make, double window_s) {
  Coverage out;
  std::vector<double> halves;
  for (int i = 0; i < kLives; ++i) {
    Random random(1000 + i);
    const std::unique_ptr<Memory> memory = make(random);
    const Made made = Make(*memory);
    const std::vector<WorkloadLife> lives{made.life};
    const JudgementInput input{{}, 4096 * kMiB, {}};
    const JudgementThresholds thresholds;
    const auto measured = MeasureGrowth(
        {lives, 0, input, thresholds, Ns(kWatched_s)}, window_s, 1);
    if (!measured) continue;
    const size_t before =
        made.leaked.size() - 1 - static_cast<size_t>(window_s / kScrape_s);
    const double truth = (made.leaked.back() - made.leaked[before]) / window_s;
    const Estimate& rate = measured->bytes_per_s;
    out.held += rate.lo <= truth && truth <= rate.hi ? 1 : 0;
    out.measured += 1;
    halves.push_back((rate.hi - rate.lo) / 2 / kRate);
  }
  out.half_width = Median(halves);
  out.held /= std::max(1.0, out.measured);
  out.measured /= kLives;
  return out;
}

struct Kind {
  std::string name;
  Maker make;
  double most_half_width;  // over three hours: held by saying nothing is easy
};

std::vector<Kind> Kinds() {
  const auto correlated = [](double s) {
    return [s](Random& r) { return std::make_unique<Correlated>(r, s); };
  };
  const auto saw = [](double s) {
    return [s](Random& r) { return std::make_unique<Saw>(r, s); };
  };
  const auto lumps = [](double tail) {
    return [tail](Random& r) { return std::make_unique<Lumps>(r, tail); };
  };
  return {{"white", correlated(0), 0.2},
          {"correlated over 5 min", correlated(300), 0.2},
          {"correlated over half an hour", correlated(1800), 0.5},
          {"saw of 7 min", saw(420), 0.3},
          {"saw of 40 min", saw(2400), 0.5},
          {"lumps", lumps(2.5), 0.3},
          {"heavy-tailed lumps", lumps(1.5), 0.5},
          {"on and off",
           [](Random& r) { return std::make_unique<OnAndOff>(r); }, 1.2}};
}

TEST(GrowthCoverage, IntervalsHoldAsOftenAsTheySay) {
  for (const Kind& kind : Kinds()) {
    for (const double hours : {1.0, 2.0, 3.0, 6.0}) {
      const Coverage c = CoverageOf(kind.make, hours * kHour_s);
      std::printf("%-30s %.1f h: %.3f +- %.3f\n", kind.name.c_str(), hours,
                  c.held, c.half_width);
      if (c.measured < 0.9) continue;  // too few troughs of a long saw
      EXPECT_GE(c.held, 0.85) << kind.name << " over " << hours << " h";
      if (hours == 3) {
        EXPECT_LE(c.half_width, kind.most_half_width) << kind.name;
      }
    }
  }
}

}  // namespace
}  // namespace plimsoll::collector
