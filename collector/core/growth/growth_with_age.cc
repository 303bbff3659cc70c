#include "collector/core/growth/growth_with_age.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "collector/core/stats/robust_slope.h"

namespace plimsoll::collector {
namespace {

// Of the rate in question: what grows at such a pace grows alike.
constexpr double kLeastAlike = 0.4, kMostAlike = 2.5;
// Over its whole life a leak may have been this much slower than it is now:
// traffic comes and goes.
constexpr double kSlowerBefore = 0.6;
// Nothing is born with less than this share of what it has.
constexpr double kLeastAtBirth = 0.1;
// Lives of one workload differ by so much at one age: of the level, the limit.
constexpr double kBaseDiffers = 0.12, kBaseDiffersOfLimit = 0.02;
// Of the difference that their ages explain.
constexpr double kWith = 0.55, kMostWith = 2, kWithout = 0.35;
// A younger life is given this long to load what all load.
constexpr int64_t kYoungNs = 4500'000'000'000;
constexpr int64_t kBlockNs = 300'000'000'000;
constexpr double kSeenFromBirth_s = 1800;

double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

bool SeenFromBirth(const WorkloadLife& life) {
  return Seconds(life.blocks.front().time_ns - life.start_ns) <
         kSeenFromBirth_s;
}

// Median of three floors about a moment; 0 where the life was not seen then.
double LevelAt(const WorkloadLife& life, int64_t at_ns) {
  const auto past = std::partition_point(
      life.blocks.begin(), life.blocks.end(),
      [at_ns](const MemoryBlock& b) { return b.time_ns <= at_ns; });
  std::vector<double> near;
  const auto first =
      past - std::min<std::ptrdiff_t>(past - life.blocks.begin(), 2);
  for (auto b = first; b < past + 1 && b != life.blocks.end(); ++b) {
    if (std::abs(b->time_ns - at_ns) <= 3 * kBlockNs) near.push_back(b->floor);
  }
  return near.empty() ? 0 : Median(std::move(near));
}

// It grows, or grew when it was last seen, about as fast.
bool GrowsAlike(const WorkloadLife& life, double bytes_per_s, double window_s) {
  const double age = Seconds(life.blocks.back().time_ns - life.start_ns);
  const auto rate = RateAtAge(life, std::max(600.0, age - window_s), age);
  return rate && *rate > kLeastAlike * bytes_per_s &&
         *rate < kMostAlike * bytes_per_s;
}

// It cannot have grown like this since it was born.
bool OlderThanItsGrowth(const WorkloadLife& life, double bytes_per_s) {
  if (SeenFromBirth(life)) return false;
  const MemoryBlock& last = life.blocks.back();
  const double grown =
      kSlowerBefore * bytes_per_s * Seconds(last.time_ns - life.start_ns);
  return last.floor - grown < kLeastAtBirth * last.floor;
}

// The difference of two levels over what the ages make of it; nothing where
// that is not more than lives differ by anyway.
std::optional<double> Ratio(const WorkloadLife& a, const WorkloadLife& b,
                            double bytes_per_s, double limit_bytes) {
  const double by_age = bytes_per_s * Seconds(b.start_ns - a.start_ns);
  // The moment at which both were there; a life that replaced the other is
  // looked at once it is warm, and set back by what it grew.
  const int64_t both =
      std::min(a.blocks.back().time_ns, b.blocks.back().time_ns);
  const auto level = [&](const WorkloadLife& life) {
    const int64_t at = std::min(std::max(both, life.start_ns + kYoungNs),
                                life.blocks.back().time_ns);
    const double there = LevelAt(life, at);
    return there > 0 ? there - bytes_per_s * Seconds(at - both) : 0;
  };
  const double la = level(a), lb = level(b);
  if (la <= 0 || lb <= 0) return std::nullopt;
  const double least = std::max(kBaseDiffers * std::min(la, lb),
                                kBaseDiffersOfLimit * limit_bytes);
  if (std::abs(by_age) < least) return std::nullopt;
  return (la - lb) / by_age;
}

}  // namespace

AgeWord AskAges(const std::vector<WorkloadLife>& lives, size_t me,
                double bytes_per_s, double window_s, double limit_bytes) {
  if (bytes_per_s <= 0 || lives[me].blocks.empty()) return AgeWord::kNothing;
  const WorkloadLife& mine = lives[me];
  if (OlderThanItsGrowth(mine, bytes_per_s)) return AgeWord::kNotWithAge;
  std::vector<double> ratios;
  for (size_t i = 0; i < lives.size(); ++i) {
    const WorkloadLife& q = lives[i];
    if (i == me || q.blocks.empty() || !GrowsAlike(q, bytes_per_s, window_s)) {
      continue;
    }
    if (OlderThanItsGrowth(q, bytes_per_s)) return AgeWord::kNotWithAge;
    if (const auto r = Ratio(mine, q, bytes_per_s, limit_bytes)) {
      ratios.push_back(*r);
    }
  }
  if (ratios.empty()) return AgeWord::kNothing;
  const double ratio = Median(std::move(ratios));
  if (ratio < kWithout) return AgeWord::kNotWithAge;
  return ratio > kWith && ratio < kMostWith ? AgeWord::kWithAge
                                            : AgeWord::kNothing;
}

}  // namespace plimsoll::collector
