#include "collector/core/growth/growth_measure.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "collector/core/growth/growth_fit.h"
#include "collector/core/growth/growth_healthy.h"
#include "collector/core/growth/growth_shape.h"
#include "collector/core/growth/growth_with_age.h"
#include "collector/core/stats/random_effects.h"

namespace plimsoll::collector {
namespace {

constexpr std::array<double, 6> kWindows_s = {3600,     1.5 * 3600, 2 * 3600,
                                              3 * 3600, 4.5 * 3600, 6 * 3600};
// Of the rate: an interval of so much to either side is narrow.
constexpr double kNarrow = 0.1;
constexpr double kNormal95 = 1.96;
constexpr int kMostPaces = 6;
constexpr double kSettled_s = 600, kDay_s = 86400;
// Growth that bent by more than its noise does is on its way elsewhere.
constexpr double kBendNoise = 2.8;

double AgeAt(const WorkloadLife& life, int64_t at_ns) {
  return static_cast<double>(at_ns - life.start_ns) / 1e9;
}

// How much the pace of a life differs from one window to the next: load, fills
// and bursts move it by more than the noise of a level does, whose part, of
// this half width, is taken out.
struct PaceVaries {
  double deviation = 0;
  size_t windows = 0;
};

PaceVaries HowPaceVaries(const JudgedLife& c, double window_s, double half) {
  std::vector<double> paces;
  const int64_t last = c.life().blocks.back().time_ns;
  for (int k = 0; k < kMostPaces; ++k) {
    const double to = AgeAt(c.life(), last) - k * window_s;
    if (to - window_s < kSettled_s) break;
    const auto pace = RateAtAge(c.life(), to - window_s, to);
    if (pace) paces.push_back(*pace);
  }
  if (paces.size() < 2) return {0, paces.size()};
  const double n = static_cast<double>(paces.size());
  double mean = 0, squares = 0;
  for (const double p : paces) mean += p / n;
  for (const double p : paces) squares += (p - mean) * (p - mean);
  const double noise = half / kNormal95;
  return {std::sqrt(std::max(0.0, squares / (n - 1) - noise * noise)),
          paces.size()};
}

// The ends of the window that no floor is near went at a pace of their own: as
// far from the mean one as the slowest third was.
double UnseenEnds(const JudgedLife& c, const GrowthFit& fit, double window_s) {
  const double gained = fit.gained.value;
  const double seen_s = std::min(
      window_s,
      static_cast<double>(c.now_ns - c.life().blocks.front().time_ns) / 1e9);
  const double unseen = 1 - std::min(1.0, fit.gained_over_s / seen_s);
  const double slowest = LeastThird(fit) * fit.slope.value;
  return unseen * std::max(0.0, gained - slowest);
}

// One series of a life.
struct MeasuredSeries {
  Estimate rate;  // less what healthy lives gain
  Estimate pace;  // all of it, to come
  double amplitude = 0;
  bool may_be_none = false;
  std::string model_limited;
};

// The lower end of a young life, whose growth may be a fill in part: what those
// that are full grow by, or what the fastest fill leaves.
void LeaveRoomForAFill(const JudgedLife& c, const HealthyGrowth& healthy,
                       const GrowthFit& fit, double window_s, double common,
                       Estimate& rate) {
  const double fill_age = c.thresholds.fill_age_s;
  const double half = fit.gained.value - fit.gained.lo;
  const auto leave = [&](double least) {
    rate.lo =
        std::min(rate.lo, rate.value - common * (rate.value - least + half));
  };
  // Growth that gets slower may be a fill that ends: the rest is its last pace.
  if (fit.bend < 0 && c.age_s() - window_s < fill_age) {
    leave(LastThird(fit) * fit.slope.value);
  }
  if (c.age_s() >= fill_age || healthy.at_this_age) return;
  const auto grown_up = GrownUpPace(c, fit.gained.value, window_s);
  leave(grown_up ? *grown_up : rate.value - FastestFill(c));
}

// What is in no interval: growth to which nothing that was seen sets a bound.
std::string ModelLimit(const JudgedLife& c, const GrowthFit& fit,
                       const HealthyGrowth& healthy) {
  // Few censuses take the teeth of a saw for more: the memory fell too then.
  const bool given_back = SurvivedPeak(c.lives) > 0 &&
                          (c.memory == nullptr || SurvivedPeak(*c.memory) > 0);
  if (given_back && !fit.of.is_saw()) {
    return "memory that is given back later may be in it";
  }
  if (healthy.gained) return "";
  if (AskAges(c.lives, c.me, fit.slope.value, fit.window_s, c.limit()) ==
      AgeWord::kNotWithAge) {
    return "it does not go with age: load may be in it";
  }
  // What becomes of memory near the limit shows in lives that came there.
  const bool came_there =
      std::any_of(c.lives.begin(), c.lives.end(),
                  [](const WorkloadLife& life) { return life.killed; });
  const double left_s =
      c.left(c.anon().blocks.back().floor) / std::max(1e-9, fit.gained.value);
  return c.age_s() >= c.thresholds.fill_age_s && !came_there && left_s < kDay_s
             ? "no life was seen near the limit: it may be given back there"
             : "";
}

// What siblings gain may be healthy, or a leak that they have less of (by the
// city that they serve): the interval holds the rate with and without it.
Estimate LessHealthy(const Estimate& pace,
                     const std::optional<Estimate>& gained, double common) {
  if (!gained) return pace;
  const double off = common * (gained->hi - gained->value);
  Estimate rate{pace.value - gained->value};
  rate.lo =
      std::min(pace.value, rate.value) - std::hypot(pace.value - pace.lo, off);
  rate.hi =
      std::max(pace.hi, rate.value + std::hypot(pace.hi - pace.value, off));
  return rate;
}

std::optional<MeasuredSeries> MeasureSeries(const JudgedLife& c,
                                            double window_s, size_t leaking) {
  const double common = std::sqrt(static_cast<double>(leaking));
  const Floors floors = c.Last(window_s);
  const auto fit = FitGrowth(floors.points, floors.requests,
                             c.thresholds.interval_inflation);
  if (!fit) return std::nullopt;
  MeasuredSeries out;
  out.pace = fit->gained;
  const double gained = fit->gained.value, half = gained - fit->gained.lo;
  // It has changed by more than its noise: where it is going is open.
  const double bent =
      std::max(0.0, std::abs(fit->bend) - kBendNoise * half / kNormal95);
  const PaceVaries pace = HowPaceVaries(c, window_s, half);
  const double varies = Width95(pace.windows) * pace.deviation;
  // The time to the limit is of one life: nothing is averaged in it. Two
  // windows say too little of the pace to come.
  const double to_come =
      std::hypot(half, bent, pace.windows < 3 ? 0 : kNormal95 * pace.deviation);
  out.pace.lo = gained - to_come;
  out.pace.hi = gained + to_come;
  // What moves the pace moves that of all of them: their mean is no surer.
  const double off = std::hypot(
      half, common * varies, common * (bent + UnseenEnds(c, *fit, window_s)));
  const Estimate all{gained, gained - off, gained + off};
  out.may_be_none = out.pace.lo <= 0;
  const HealthyGrowth healthy = HealthyGrowthOf(c, gained, window_s);
  out.rate = LessHealthy(all, healthy.gained, common);
  LeaveRoomForAFill(c, healthy, *fit, window_s, common, out.rate);
  // That it leaks has been judged.
  if (!out.may_be_none) out.rate.lo = std::max(0.0, out.rate.lo);
  out.amplitude = fit->of.amplitude;
  out.model_limited = ModelLimit(c, *fit, healthy);
  return out;
}

}  // namespace

std::optional<MeasuredGrowth> MeasureGrowth(const JudgedLife& c,
                                            double window_s, size_t leaking) {
  const auto measured = MeasureSeries(c, window_s, leaking);
  if (!measured) return std::nullopt;
  MeasuredGrowth out;
  out.bytes_per_s = measured->rate;
  out.may_be_none = measured->may_be_none;
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
