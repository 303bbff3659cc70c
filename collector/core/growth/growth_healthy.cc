#include "collector/core/growth/growth_healthy.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "collector/core/growth/growth_fit.h"

namespace plimsoll::collector {
namespace {

// Of the rate in question: a life that gains no more is healthy.
constexpr double kHealthy = 0.35;
constexpr double kAsOld = 0.5;  // of the age
constexpr double kSettled_s = 600;
constexpr double kLeastSeen = 0.6;  // of the window

double AgeAt(const WorkloadLife& life, int64_t at_ns) {
  return static_cast<double>(at_ns - life.start_ns) / 1e9;
}

// As what it is compared with was measured: of a saw by its troughs. No more
// than its noise is nothing.
std::optional<double> GainedMeanwhile(const JudgedLife& c, size_t other,
                                      double window_s) {
  const JudgedLife q{c.lives, other, c.input, c.thresholds, c.now_ns, c.memory};
  const Floors floors = q.Last(window_s);
  const auto fit = FitGrowth(floors.points, floors.requests,
                             c.thresholds.interval_inflation);
  if (!fit || fit->window_s < kLeastSeen * window_s) return std::nullopt;
  const Estimate& gained = fit->gained;
  return gained.lo <= 0 && gained.hi >= 0 ? 0 : gained.value;
}

std::optional<Estimate> MiddleOf(const std::vector<double>& rates) {
  if (rates.empty()) return std::nullopt;
  const double middle = Median(rates);
  double off = 0.5 * std::abs(middle);
  for (const double v : rates) off = std::max(off, std::abs(v - middle));
  return Estimate{middle, middle - off, middle + off};
}

}  // namespace

HealthyGrowth HealthyGrowthOf(const JudgedLife& c, double rate,
                              double window_s) {
  const double age = c.age_s();
  std::vector<double> now, then;
  for (size_t i = 0; i < c.lives.size(); ++i) {
    const WorkloadLife& q = c.lives[i];
    if (i == c.me || q.blocks.empty()) continue;
    const auto young = RateAtAge(q, std::max(kSettled_s, age - window_s), age);
    if (young && *young <= kHealthy * rate) then.push_back(*young);
    if (q.version != c.life().version) continue;
    if (AgeAt(q, c.life().blocks.back().time_ns) < kAsOld * age) continue;
    const auto gained = GainedMeanwhile(c, i, window_s);
    if (gained && *gained <= kHealthy * rate) now.push_back(*gained);
  }
  HealthyGrowth out;
  out.at_this_age = !then.empty();
  const bool by_age =
      age < c.thresholds.fill_age_s ? !then.empty() : now.empty();
  out.gained = MiddleOf(by_age ? then : now);
  return out;
}

std::optional<double> GrownUpPace(const JudgedLife& c, double rate,
                                  double window_s) {
  std::optional<double> slowest;
  for (size_t i = 0; i < c.lives.size(); ++i) {
    const WorkloadLife& q = c.lives[i];
    if (i == c.me || q.blocks.empty() || q.version != c.life().version) {
      continue;
    }
    const double age = AgeAt(q, q.blocks.back().time_ns);
    if (age < c.thresholds.fill_age_s) continue;
    const auto pace = RateAtAge(q, age - window_s, age);
    if (pace && *pace > kHealthy * rate && *pace < slowest.value_or(rate)) {
      slowest = pace;
    }
  }
  return slowest;
}

double FastestFill(const JudgedLife& c) {
  const std::vector<MemoryBlock>& blocks = c.life().blocks;
  const double age = std::max(kSettled_s, c.age_s());
  const double seen =
      std::max(kSettled_s, AgeAt(c.life(), c.now_ns) -
                               AgeAt(c.life(), blocks.front().time_ns));
  // Before it was seen it gained as it does since.
  const double gained =
      std::max(0.0, blocks.back().floor - blocks.front().floor) * age / seen;
  const double room =
      std::min(c.limit(), gained + c.left(c.anon().blocks.back().floor));
  return c.thresholds.fill_share_of_headroom * room / age;
}

}  // namespace plimsoll::collector
