#include "collector/core/growth/growth_measure.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "collector/core/growth/growth_fit.h"

namespace plimsoll::collector {
namespace {

constexpr std::array<double, 6> kWindows_s = {3600,     1.5 * 3600, 2 * 3600,
                                              3 * 3600, 4.5 * 3600, 6 * 3600};
// Of the rate: an interval of so much to either side is narrow.
constexpr double kNarrow = 0.1;
// Of the rate in question: a life that gains no more is healthy.
constexpr double kHealthy = 0.35;
constexpr double kAsOld = 0.5;  // of the age
constexpr double kNormal95 = 1.96;
constexpr int kMostPaces = 6;
constexpr double kSettled_s = 600;
// Growth that bent by more than its noise does is on its way elsewhere.
constexpr double kBendNoise = 2.8;

double AgeAt(const WorkloadLife& life, int64_t at_ns) {
  return static_cast<double>(at_ns - life.start_ns) / 1e9;
}

// What healthy lives of the workload gain over the same time at about the same
// age or, where there are none, those of another version at the same age.
std::optional<Estimate> HealthyGrowth(const JudgedLife& c, double rate,
                                      double window_s) {
  const double age = c.age_s();
  std::vector<double> now, then;
  for (size_t i = 0; i < c.lives.size(); ++i) {
    const WorkloadLife& q = c.lives[i];
    if (i == c.me || q.blocks.empty()) continue;
    const bool same = q.version == c.life().version;
    const double its_age =
        same ? AgeAt(q, c.life().blocks.back().time_ns) : age;
    if (same && its_age < kAsOld * age) continue;
    const auto gained =
        RateAtAge(q, std::max(600.0, its_age - window_s), its_age);
    if (!gained || *gained > kHealthy * rate) continue;
    (same ? now : then).push_back(*gained);
  }
  const std::vector<double>& best = now.empty() ? then : now;
  if (best.empty()) return std::nullopt;
  const double middle = Median(best);
  double off = 0.5 * std::abs(middle);
  for (const double v : best) off = std::max(off, std::abs(v - middle));
  return Estimate{middle, middle - off, middle + off};
}

// How much the pace of a life differs from one window to the next: load, fills
// and bursts move it by more than the noise of a level does. 0 with fewer than
// three windows.
double PaceVaries(const JudgedLife& c, double window_s) {
  std::vector<double> paces;
  const int64_t last = c.life().blocks.back().time_ns;
  for (int k = 0; k < kMostPaces; ++k) {
    const double to = AgeAt(c.life(), last) - k * window_s;
    if (to - window_s < kSettled_s) break;
    const auto pace = RateAtAge(c.life(), to - window_s, to);
    if (pace) paces.push_back(*pace);
  }
  if (paces.size() < 3) return 0;
  const double n = static_cast<double>(paces.size());
  double mean = 0, squares = 0;
  for (const double p : paces) mean += p / n;
  for (const double p : paces) squares += (p - mean) * (p - mean);
  return std::sqrt(squares / (n - 1));
}

// The slowest of those that are past the age of fills and grow too.
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

// One series of a life.
struct MeasuredSeries {
  Estimate rate;  // less what healthy lives gain
  Estimate pace;  // all of it, to come
  double amplitude = 0;
  std::string model_limited;
};

std::string ModelLimit(const JudgedLife& c, const GrowthFit& fit,
                       bool compared) {
  const JudgementThresholds& t = c.thresholds;
  // Few censuses take the teeth of a saw for more: the memory fell too then.
  const bool given_back = SurvivedPeak(c.lives) > 0 &&
                          (c.memory == nullptr || SurvivedPeak(*c.memory) > 0);
  if (given_back && !fit.of.is_saw()) {
    return "memory that is given back later may be in it";
  }
  if (c.age_s() >= t.fill_age_s || compared) return "";
  const SiblingWord word = AskSiblings(c.lives, c.me, fit.slope.value,
                                       fit.window_s, t.fill_age_s, c.now_ns);
  return word == SiblingWord::kGoesOn
             ? ""
             : "it is young: a cache that fills may be in it";
}

std::optional<MeasuredSeries> MeasureSeries(const JudgedLife& c,
                                            double window_s, size_t leaking) {
  // What moves the pace moves that of all of them: their mean is no surer.
  const double common = std::sqrt(static_cast<double>(leaking));
  const Floors floors = c.Last(window_s);
  const auto fit = FitGrowth(floors.points, floors.requests,
                             c.thresholds.interval_inflation);
  if (!fit) return std::nullopt;
  MeasuredSeries out;
  Estimate& rate = out.rate;
  rate = fit->gained;
  const double half = rate.value - rate.lo;
  // It has changed by more than its noise: where it is going is open.
  const double bent =
      std::max(0.0, std::abs(fit->bend) - kBendNoise * half / kNormal95);
  const double varies = kNormal95 * common * PaceVaries(c, window_s);
  double below = std::hypot(std::max(half, varies), bent), above = below;
  const auto healthy = HealthyGrowth(c, rate.value, window_s);
  if (healthy) {
    rate.value -= healthy->value;
    below = std::hypot(below, healthy->value - healthy->lo);
    above = std::hypot(above, healthy->hi - healthy->value);
  }
  rate.lo = rate.value - below;
  rate.hi = rate.value + above;
  if (c.age_s() < c.thresholds.fill_age_s) {
    if (const auto grown_up = GrownUpPace(c, fit->gained.value, window_s)) {
      rate.lo = std::min(rate.lo, *grown_up);
    }
  }
  out.pace = fit->gained;
  out.pace.lo = out.pace.value - below;
  out.pace.hi = out.pace.value + above;
  out.amplitude = fit->of.amplitude;
  out.model_limited = ModelLimit(c, *fit, healthy.has_value());
  return out;
}

}  // namespace

std::optional<MeasuredGrowth> MeasureGrowth(const JudgedLife& c,
                                            double window_s, size_t leaking) {
  const auto measured = MeasureSeries(c, window_s, leaking);
  if (!measured) return std::nullopt;
  MeasuredGrowth out;
  out.bytes_per_s = measured->rate;
  out.model_limited = measured->model_limited;
  // The whole growth of the memory is what meets the limit.
  auto memory = measured;
  if (c.memory != nullptr) {
    const JudgedLife by_memory{*c.memory, c.me, c.input, c.thresholds,
                               c.now_ns};
    memory = MeasureSeries(by_memory, window_s, leaking);
    if (!memory) memory = measured;
  }
  out.time_to_limit = c.TimeOf(
      memory->pace, std::max(memory->amplitude, c.PeaksAboveFloors(window_s)));
  return out;
}

double ChooseWindow(const std::vector<JudgedLife>& leaking, double most_s) {
  for (const double window_s : kWindows_s) {
    if (window_s >= most_s) break;
    double rate = 0, squares = 0;
    for (const JudgedLife& c : leaking) {
      const Floors floors = c.Last(window_s);
      const auto fit = FitGrowth(floors.points, floors.requests,
                                 c.thresholds.interval_inflation);
      if (!fit) continue;
      const double half = fit->gained.value - fit->gained.lo;
      rate += fit->gained.value;
      squares += half * half;
    }
    if (rate > 0 && std::sqrt(squares) < kNarrow * rate) return window_s;
  }
  return most_s;
}

}  // namespace plimsoll::collector
