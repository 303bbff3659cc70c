#include "tests/bench/versions/version_maker.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

namespace plimsoll::bench {
namespace {

using Random = std::mt19937_64;

constexpr double kHour_s = 3600, kEnd_s = kVersionHours * kHour_s;
constexpr double kStep_s = kLookEvery_s;
constexpr double kLimit = kVersionLimit;

double Uniform(Random& random, double lo, double hi) {
  return std::uniform_real_distribution<double>(lo, hi)(random);
}

// What all pods of a workload share.
struct World {
  double deploy_s, later_s, warm, warm_s, cache, cache_s, saw, saw_s;
  double requests_per_s, depth, phase, noise;
};

World DrawWorld(const VersionCell& cell, Random& random) {
  World w{};
  w.deploy_s = Uniform(random, 4, 7) * kHour_s;
  w.later_s = w.deploy_s + Uniform(random, 1, 3) * kHour_s;
  w.warm = Uniform(random, 0.05, 0.15) * kLimit;
  w.warm_s = Uniform(random, 600, 2400);
  w.cache = Uniform(random, 0.1, 0.3) * kLimit;
  w.cache_s = Uniform(random, 1, 6) * kHour_s;
  w.saw = Uniform(random, 0.03, 0.1) * kLimit;
  w.saw_s = Uniform(random, 600, 3000);
  w.requests_per_s = Uniform(random, 1, 10);
  w.depth = Uniform(random, 0.3, 0.7);
  // Traffic rises for half a day from its least on.
  double after_least_h = cell.after_least_from_h;
  if (cell.after_least_to_h > after_least_h) {
    after_least_h = Uniform(random, after_least_h, cell.after_least_to_h);
  }
  w.phase = w.deploy_s - after_least_h * kHour_s;
  if (cell.leaks != Leaks::kBothByDay && cell.healthy != Healthy::kLoad) {
    w.phase = Uniform(random, 0, 24) * kHour_s;
  }
  w.noise = Uniform(random, 0.002, 0.01) * kLimit;
  return w;
}

double LoadAt(const World& w, double t_s) {
  return 1 - w.depth * std::cos(2 * std::numbers::pi * (t_s - w.phase) /
                                (24 * kHour_s));
}

class Process {
 public:
  Process(const VersionCell& cell, const World& world, const MadePod& pod,
          Random& random)
      : cell_(cell),
        world_(world),
        pod_(pod),
        random_(random),
        base_(Uniform(random, 0.1, 0.2) * kLimit),
        saw_(Uniform(random, 0, 1)) {}

  double Step(double t_s) {
    const double load = LoadAt(world_, t_s);
    const int n = std::poisson_distribution<int>(world_.requests_per_s * load *
                                                 kStep_s)(random_);
    requests_ += n;
    const bool now = cell_.leaks != Leaks::kLater || t_s >= world_.later_s;
    if (pod_.leaks && now) {
      // Heavy-tailed sizes: of so many requests a few leak.
      const double mean =
          cell_.percent_per_h / 100 * kLimit / kHour_s / world_.requests_per_s;
      const int leaking = std::poisson_distribution<int>(0.1 * n)(random_);
      for (int i = 0; i < leaking; ++i) {
        const double u = std::max(1e-6, Uniform(random_, 0, 1));
        leaked_ += 10 * mean * 0.6 * std::pow(u, -0.4);
      }
    }
    noise_ = kNoiseFollows * noise_ +
             world_.noise * std::sqrt(1 - kNoiseFollows * kNoiseFollows) *
                 std::normal_distribution<double>()(random_);
    healthy_ = base_ + HealthyAt(t_s - pod_.from_s, load);
    return noise_ + leaked_ + healthy_;
  }
  double requests() const { return requests_; }
  double healthy() const { return healthy_; }

 private:
  double HealthyAt(double age_s, double load) {
    switch (cell_.healthy) {
      case Healthy::kWarmUp:
        return world_.warm * (1 - std::exp(-age_s / world_.warm_s));
      case Healthy::kCache:
        return world_.cache * std::min(1.0, age_s / world_.cache_s);
      case Healthy::kSaw:
        saw_ += kStep_s / world_.saw_s * Uniform(random_, 0.5, 1.5);
        if (saw_ > 1) saw_ = 0;
        return world_.saw * saw_;
      case Healthy::kLoad:
        return cell_.load * kLimit * load;
      case Healthy::kFlat:
        break;
    }
    return 0;
  }

  const VersionCell& cell_;
  const World& world_;
  const MadePod& pod_;
  Random& random_;
  double base_, saw_, noise_ = 0, leaked_ = 0, requests_ = 0, healthy_ = 0;
};

std::vector<MadePod> PodsOf(const VersionCell& cell, const World& w,
                            Random& random) {
  const bool in_both = cell.leaks == Leaks::kBoth ||
                       cell.leaks == Leaks::kBothByDay ||
                       cell.leaks == Leaks::kLater;
  const int staying =
      cell.rollout == Rollout::kCanary ? (cell.pods + 1) / 2 : 0;
  std::vector<MadePod> pods;
  double at_s = w.deploy_s;
  for (int i = 0; i < cell.pods; ++i) {
    const std::string name = "-" + std::to_string(i);
    const double from_s = -cell.before_h * kHour_s;
    MadePod old{"old" + name, kOldVersion, from_s, kEnd_s, in_both, {}};
    if (i >= staying) {
      old.to_s = at_s;
      const bool leaks = in_both || cell.leaks == Leaks::kNew || i == staying;
      pods.push_back({"new" + name, kNewVersion, at_s, kEnd_s, leaks, {}});
      at_s += Uniform(random, 60, 300);
    }
    pods.push_back(old);
  }
  return pods;
}

void Live(const VersionCell& cell, const World& world, MadePod& pod,
          Random& random) {
  Process process(cell, world, pod, random);
  for (double t = pod.from_s + kStep_s; t < pod.to_s; t += kStep_s) {
    const double bytes = process.Step(t);
    if (bytes >= kLimit) return;  // killed, and not started anew here
    pod.looks.push_back({t, bytes, process.requests(), process.healthy()});
  }
}

}  // namespace

MadeVersions MakeVersions(const VersionCell& cell, uint64_t seed) {
  Random random(seed);
  const World world = DrawWorld(cell, random);
  MadeVersions made;
  made.began_with_new = cell.leaks == Leaks::kNew;
  made.deploy_s = world.deploy_s;
  made.later_s = cell.leaks == Leaks::kLater ? world.later_s : 0;
  made.noise_bytes = world.noise;
  made.pods = PodsOf(cell, world, random);
  int news = 0;
  for (MadePod& pod : made.pods) {
    if (pod.version == kNewVersion && ++news <= 2) {
      made.second_pod_s = pod.from_s;
    }
    Live(cell, world, pod, random);
  }
  return made;
}

}  // namespace plimsoll::bench
