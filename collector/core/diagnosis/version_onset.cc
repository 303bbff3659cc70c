#include "collector/core/diagnosis/version_onset.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "collector/core/growth/onset_time.h"
#include "collector/core/history/life_log.h"
#include "collector/core/stats/random_effects.h"
#include "collector/core/stats/robust_slope.h"

namespace plimsoll::collector {
namespace {

constexpr double kLeastAge_s = 180;
constexpr double kLeastCovered = 0.5;  // of the ages
constexpr size_t kMostFloors = 24;
constexpr size_t kFloorOf = 4;  // samples
// Of the leak: a version that gained less did not have it, one that gained more
// had it too.
constexpr double kNotBefore = 0.35, kAsBefore = 0.5;
// Each is wrong one time in two hundred.
constexpr double kSure = 2.58;
constexpr double kNormal95 = 1.96;
constexpr double kInflation = 1.4;  // as the judgement's
constexpr double kLeastRequests = 5;

double AgeOf(const VersionedLife& life, int64_t at_ns) {
  return static_cast<double>(at_ns - life.start_ns) / 1e9;
}

// The lowest of each of up to kMostFloors stretches between two ages.
Epoch FloorsOf(const VersionedLife& life, double from_s, double to_s) {
  std::vector<Point> seen;
  for (const Sample& s : life.bytes) {
    const double age = AgeOf(life, s.time_ns);
    if (age >= from_s && age <= to_s) seen.push_back({age, s.value});
  }
  const size_t stretches =
      std::clamp<size_t>(seen.size() / kFloorOf, 4, kMostFloors);
  if (seen.size() <= stretches) return seen;
  Epoch floors;
  for (size_t i = 0; i < stretches; ++i) {
    const size_t first = i * seen.size() / stretches;
    const size_t past = (i + 1) * seen.size() / stretches;
    floors.push_back(*std::min_element(
        seen.begin() + static_cast<std::ptrdiff_t>(first),
        seen.begin() + static_cast<std::ptrdiff_t>(past),
        [](const Point& a, const Point& b) { return a.y < b.y; }));
  }
  return floors;
}

struct Rate : Effect {
  double requests_per_s = 0;  // 0: not counted
};

std::optional<Rate> RateOf(const VersionedLife& life, double from_s,
                           double to_s, const std::string& attributes) {
  const Epoch floors = FloorsOf(life, from_s, to_s);
  if (floors.size() < 4 || floors.back().t_s - floors.front().t_s <
                               kLeastCovered * (to_s - from_s)) {
    return std::nullopt;
  }
  const auto slope = FitSlopeOnly(floors, kInflation);
  if (!slope || !std::isfinite(slope->hi - slope->lo)) return std::nullopt;
  Rate rate{EffectOf(*slope)};
  if (!life.requests.empty()) {
    const auto at = [&](double age_s) {
      return life.start_ns + static_cast<int64_t>(age_s * 1e9);
    };
    const double requests =
        RequestsWith(life.requests, attributes, at(floors.front().t_s),
                     at(floors.back().t_s));
    if (requests >= kLeastRequests) {
      rate.requests_per_s = requests / (floors.back().t_s - floors.front().t_s);
    }
  }
  return rate;
}

Effect MeanOf(const std::vector<Rate>& rates) {
  return WeightedMean({rates.begin(), rates.end()});
}

double OldestSeen(const std::vector<VersionedLife>& lives,
                  const std::string& version) {
  double oldest = 0;
  for (const VersionedLife& life : lives) {
    if (life.version != version || life.bytes.empty()) continue;
    oldest = std::max(oldest, AgeOf(life, life.bytes.back().time_ns));
  }
  return oldest;
}

// The lives of both sides that were seen between two ages.
struct Sides {
  std::vector<Rate> now, then;
  bool counted = true;  // the requests of all of them
  void PerRequest() {
    for (auto* side : {&now, &then}) {
      for (Rate& r : *side) {
        r.value /= r.requests_per_s;
        r.variance /= r.requests_per_s * r.requests_per_s;
      }
    }
  }
};

Sides RatesOf(const std::vector<VersionedLife>& lives,
              const std::string& version, double from_s, double to_s,
              const std::string& attributes) {
  Sides sides;
  if (to_s < kLeastAge_s) return sides;
  for (const VersionedLife& life : lives) {
    const auto rate = RateOf(life, from_s, to_s, attributes);
    if (!rate) continue;
    sides.counted = sides.counted && rate->requests_per_s > 0;
    (life.version == version ? sides.now : sides.then).push_back(*rate);
  }
  return sides;
}

// When it began, by the floors that the judgement keeps of a life.
OnsetTime TimeOf(const std::vector<VersionedLife>& lives,
                 const std::string& version) {
  std::vector<WorkloadLife> kept(lives.size());
  std::vector<const WorkloadLife*> now, then;
  for (size_t i = 0; i < lives.size(); ++i) {
    LifeLog log;
    log.Add(lives[i].bytes);
    log.MoveTo(kept[i].blocks);
    kept[i].start_ns = lives[i].start_ns;
    (lives[i].version == version ? now : then).push_back(&kept[i]);
  }
  return TimeOfOnset(now, then);
}

Estimate EstimateOf(const Effect& mean) {
  const double half = kNormal95 * std::sqrt(mean.variance);
  return {mean.value, mean.value - half, mean.value + half};
}

}  // namespace

void DateOnset(const std::vector<VersionedLife>& lives, VersionOnset& onset) {
  DateOnset(TimeOf(lives, onset.version), onset);
}

VersionOnset JudgeOnset(const std::vector<VersionedLife>& lives,
                        const std::string& version, const std::string& before,
                        const std::string& attributes) {
  VersionOnset out;
  out.version = version;
  out.before = before;
  out.to_age_s =
      std::min(OldestSeen(lives, version), OldestSeen(lives, before));
  out.from_age_s = kOnsetFromAge * out.to_age_s;
  for (const VersionedLife& life : lives) {
    if (life.version != version) continue;
    if (out.began_ns == 0 || life.start_ns < out.began_ns) {
      out.began_ns = life.start_ns;
    }
  }
  Sides late =
      RatesOf(lives, version, out.from_age_s, out.to_age_s, attributes);
  const std::vector<Rate>& now = late.now;
  const std::vector<Rate>& then = late.then;
  out.lives = static_cast<int32_t>(now.size());
  out.lives_before = static_cast<int32_t>(then.size());
  if (now.empty() || then.empty()) {
    out.not_told = "too little was seen of version " +
                   (then.empty() ? before : version) + " at equal age";
    return out;
  }
  out.per_request = late.counted;
  if (late.counted) late.PerRequest();
  const Effect x = MeanOf(now), p = MeanOf(then);
  out.growth = EstimateOf(x);
  out.growth_before = EstimateOf(p);
  // part * x - p, in units of its error.
  const auto distance = [&](double part) {
    return (part * x.value - p.value) /
           std::sqrt(part * part * x.variance + p.variance);
  };
  const bool grows = x.value > kSure * std::sqrt(x.variance);
  out.not_before = grows && distance(kNotBefore) > kSure;
  if (out.not_before) DateOnset(lives, out);
  out.as_before = grows && distance(kAsBefore) < -kSure;
  return out;
}

}  // namespace plimsoll::collector
