#include "tests/bench/cause/healthy_cells.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "collector/core/engine/judge_fleet.h"
#include "tests/unit/collector/core/fakes.h"

namespace plimsoll::bench {
namespace {

using collector::Verdict;
namespace metric = collector::metric;
using Random = std::mt19937_64;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'700'000'000 * kSecond;
constexpr int64_t kTickNs = 300 * kSecond;
constexpr double kLimit = 1e9, kStep_s = 30;
constexpr int kCensusEvery = 4;  // steps
constexpr collector::ProcessKey kKey = 7;

double Uniform(Random& random, double lo, double hi) {
  return std::uniform_real_distribution<double>(lo, hi)(random);
}

// What of each is anonymous memory, in use, and requests per second at a time.
class Process {
 public:
  Process(const HealthyCell& cell, Random& random)
      : cell_(cell), random_(random) {
    base_ = Uniform(random, 0.1, 0.3) * kLimit;
    size_ = Uniform(random, 0.15, 0.35) * kLimit;
    span_s_ = cell.hours * 3600;
    fill_s_ = std::min(span_s_, 6.0 * 3600) * Uniform(random, 0.2, 0.5);
    noise_ = Uniform(random, 0.001, 0.005) * kLimit;
  }

  void Step(double t_s) {
    noises_ =
        0.6 * noises_ + 0.8 * noise_ * std::normal_distribution<>()(random_);
    switch (cell_.truth) {
      case Verdict::kWarmUp:
        in_use = base_ + size_ * (1 - std::exp(-t_s / fill_s_)) + noises_;
        anon = in_use + 0.05 * base_;
        return;
      case Verdict::kLoad:
        // The morning of a day, or a day from one night to the next noon.
        load = 5 - 4 * std::cos(3.1416 * t_s / span_s_);
        in_use = base_ + size_ * load / 9 + noises_;
        anon = in_use + 0.05 * base_;
        return;
      case Verdict::kHighWater:
        Burst(t_s);
        return;
      default:
        in_use = base_ + 0.1 * size_ * std::fmod(t_s / fill_s_ * 20, 1.0);
        anon = base_ + 0.1 * size_ + noises_;
        return;
    }
  }

  double anon = 0, in_use = 0, load = 5;

 private:
  // Reports, of which the largest become larger; what one took is kept by the
  // allocators.
  void Burst(double t_s) {
    if (t_s >= burst_to_s_ && Uniform(random_, 0, 1) < kStep_s / 900) {
      burst_ = size_ * Uniform(random_, 0.5, 1) * (0.2 + 0.8 * t_s / span_s_);
      burst_to_s_ = t_s + Uniform(random_, 30, 120);
    }
    in_use = base_ + noises_ + (t_s < burst_to_s_ ? burst_ : 0);
    highest_ = std::max(highest_, in_use);
    anon = std::max(highest_, base_ * 1.05);
  }

  const HealthyCell& cell_;
  Random& random_;
  double base_ = 0, size_ = 0, span_s_ = 0, fill_s_ = 0, noise_ = 0,
         noises_ = 0, burst_ = 0, burst_to_s_ = 0, highest_ = 0;
};

}  // namespace

std::vector<HealthyCell> HealthyCells() {
  return {{"warm-up", Verdict::kWarmUp, 3},
          {"warm-up", Verdict::kWarmUp, 6},
          {"load", Verdict::kLoad, 6},
          {"load", Verdict::kLoad, 12},
          {"high-water", Verdict::kHighWater, 6},
          {"high-water", Verdict::kHighWater, 24},
          {"none: a saw", Verdict::kNone, 6},
          {"none: a saw", Verdict::kNone, 24}};
}

HealthyWord JudgeHealthy(const HealthyCell& cell, uint64_t seed) {
  Random random(seed);
  Process process(cell, random);
  collector::FakeFleet fleet;
  collector::ProcessInfo info;
  info.key = kKey;
  info.workload = {"c", "n", "Deployment", "w"};
  info.pod = "w-1";
  // Only what warms up is young.
  info.start_unix_ns =
      cell.truth == Verdict::kWarmUp ? kStart : kStart - 14 * 86400 * kSecond;
  const collector::Thresholds thresholds;
  collector::FleetState state(thresholds.judgement);
  HealthyWord word;
  double served = 0;
  for (int i = 0; i * kStep_s <= cell.hours * 3600; ++i) {
    process.Step(i * kStep_s);
    served += process.load * kStep_s;
    const int64_t now = kStart + static_cast<int64_t>(i * kStep_s) * kSecond;
    fleet.Put(kKey, {metric::kAnon, ""}, now, process.anon);
    fleet.Put(kKey, {metric::kRequests, "path=/"}, now, served);
    fleet.Put(kKey, {metric::kCgroupLimit, ""}, now, kLimit);
    if (i % kCensusEvery == 1) {
      const double free = std::max(0.0, process.anon - process.in_use);
      fleet.Put(kKey, {metric::kFreeBytes, ""}, now, 0.7 * free);
      fleet.Put(kKey, {metric::kMallocFree, ""}, now, 0.3 * free);
    }
    if ((now - kStart) % kTickNs != 0) continue;
    info.last_seen_ns = now;
    fleet.processes[kKey] = info;
    const auto judged = collector::JudgeFleet(fleet, thresholds, state, now);
    if (!judged.found.empty() && !word.claimed) {
      word = {judged.found[0].cause, true, ""};
    }
    const auto shown = judged.shown.find(info.workload);
    if (!word.claimed && shown != judged.shown.end()) {
      word.verdict = shown->second.verdict;
      word.why = shown->second.why;
    }
  }
  return word;
}

}  // namespace plimsoll::bench
