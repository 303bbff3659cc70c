#include "collector/core/growth/lives_before.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "collector/core/stats/robust_slope.h"

namespace plimsoll::collector {
namespace {

constexpr double kBlock_s = 300;
constexpr int64_t kBlockNs = 300'000'000'000;
// Their growth is scaled to the requests of now by this much at the most.
constexpr double kMostLoad = 4;
// Of a mean of more lives: so much more noise is granted at the most.
constexpr double kMostMore = 4;

double MedianOr0(std::vector<double> values) {
  return values.empty() ? 0 : Median(std::move(values));
}

// What a life would have gained with the requests of now.
double Scaled(const VersionLife& l, const LifeRise& rise,
              double requests_per_s) {
  const double rate = rise.bytes_per_s();
  if (rate <= 0 || requests_per_s <= 0) return rate;
  const double then = RequestsPerSecond(l, rise.from_s, rise.window_s);
  return then <= 0 ? rate
                   : rate * std::clamp(requests_per_s / then, 1.0, kMostLoad);
}

void LookAtAge(const std::vector<VersionLife>& lives,
               const std::vector<size_t>& before, double from_s,
               double window_s, double requests_per_s, LivesBefore& out) {
  std::vector<double> rates, early;
  std::array<std::vector<double>, 2> steps;
  for (const size_t i : before) {
    const WorkloadLife& life = *lives[i].life;
    const auto rise = RiseOf(life, from_s, window_s);
    if (!rise) continue;
    rates.push_back(Scaled(lives[i], *rise, requests_per_s));
    for (size_t k = 0; k < 2; ++k) steps[k].push_back(rise->step_bytes(k));
    if (const auto begin = BeginningOf(life)) {
      early.push_back(begin->bytes_per_s());
    }
  }
  out.at_age = rates.size();
  out.rate = MedianOr0(std::move(rates));
  out.early = MedianOr0(std::move(early));
  for (size_t k = 0; k < 2; ++k) {
    out.steps_bytes[k] = MedianOr0(std::move(steps[k]));
  }
}

}  // namespace

double RequestsPerSecond(const VersionLife& life, double from_s,
                         double window_s) {
  if (life.counted == nullptr) return 0;
  const WorkloadLife& counted = *life.counted;
  auto block = std::partition_point(
      counted.blocks.begin(), counted.blocks.end(),
      [&](const MemoryBlock& b) { return AgeOf(counted, b) < from_s; });
  double requests = 0;
  for (; block != counted.blocks.end(); ++block) {
    if (AgeOf(counted, *block) >= from_s + window_s) break;
    requests += block->requests;
  }
  return requests / window_s;
}

std::optional<LifeRise> BeginningOf(const WorkloadLife& life) {
  return RiseOf(life, kVersionSettle_s, kVersionShortest_s);
}

double LivesBefore::MostTogether(size_t lives) const {
  int most_at_once = 0;
  for (const auto& [mean, n] : together) {
    most_at_once = std::max(most_at_once, n);
  }
  double most = 0;
  for (const auto& [mean, n] : together) {
    if (n < std::min(most_at_once, 2)) continue;
    const double more = static_cast<double>(n) / static_cast<double>(lives);
    most = std::max(most, mean * std::sqrt(std::clamp(more, 1.0, kMostMore)));
  }
  return most;
}

LivesBefore LookBefore(const std::vector<VersionLife>& lives,
                       const std::vector<size_t>& before, double from_s,
                       double window_s, double requests_per_s) {
  LivesBefore out;
  std::vector<double> rates;
  // By the time: what lifts all of them at once is not their noise.
  std::map<int64_t, std::pair<double, int>> together;
  for (const size_t i : before) {
    const WorkloadLife& life = *lives[i].life;
    if (life.blocks.empty()) continue;
    const double first = std::max(from_s, AgeOf(life, life.blocks.front()));
    out.seen_s += std::max(0.0, AgeOf(life, life.blocks.back()) - first);
    RisesOfLife rises(life, window_s);
    for (size_t k = 0; k < life.blocks.size(); ++k) {
      const double age = rises.ages_s()[k];
      if (age < std::max(kVersionSettle_s, from_s - kBlock_s)) continue;
      const auto rise = rises.From(age);
      if (!rise) continue;
      const double rate = Scaled(lives[i], *rise, requests_per_s);
      rates.push_back(rate);
      auto& [sum, count] = together[life.blocks[k].time_ns / kBlockNs];
      sum += rate, count += 1;
    }
  }
  for (const auto& [slot, of] : together) {
    out.together.emplace_back(of.first / of.second, of.second);
  }
  if (!rates.empty()) {
    out.deviation = RobustDeviation(rates);
    out.middle = Median(std::move(rates));
  }
  LookAtAge(lives, before, from_s, window_s, requests_per_s, out);
  return out;
}

}  // namespace plimsoll::collector
