#include "collector/core/growth/judgement.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "collector/core/growth/growth_fit.h"
#include "collector/core/growth/growth_screen.h"
#include "collector/core/growth/growth_shape.h"
#include "collector/core/growth/growth_with_age.h"
#include "collector/core/growth/judged_life.h"

namespace plimsoll::collector {
namespace {

struct Window {
  double long_s;
  double least_s;   // of it: a shorter history is not judged
  double page_s;    // it pages when the limit is surely met within; 0: never
  double ticket_s;  // and is a ticket when it is met within
  double confirm_s;
};

std::array<Window, 4> WindowsOf(const JudgementThresholds& t) {
  return {{{3600, 2700, t.page_1h_s, 0, 600},
           {3 * 3600, 2 * 3600, t.page_3h_s, t.page_6h_s, 900},
           {6 * 3600, 4.5 * 3600, t.page_6h_s, t.ticket_s, 1800},
           {86400, 8 * 3600, t.page_6h_s, t.ticket_s, 3600}}};
}

constexpr double kPooledFrom_s = 6 * 3600;

constexpr double kThirdsError = 5.2, kHalvesError = 2.8;

// Standard error of the slope, of itself.
double Sigma(const GrowthFit& fit) {
  if (!std::isfinite(fit.noise) || fit.slope.value <= 0) return 0;
  return fit.noise / 2 / fit.slope.value;
}

// What speaks against a leak in the shape of the growth itself.
std::string AgainstShape(const JudgedLife& c, const GrowthFit& fit,
                         const Epoch& floors) {
  const JudgementThresholds& t = c.thresholds;
  // A part's slope is as much less sure as its length to the power of 1.5.
  const double sigma = Sigma(fit);
  const double third = kThirdsError * sigma;
  if (LastThird(fit) + third < t.min_last_third) {
    return "flat in the last third";
  }
  if (LeastThird(fit) + third < t.min_least_third) return "not steady";
  if (StepShare(fit) > t.max_step_share) return "it came in one step";
  if (c.age_s() < t.bend_age_s &&
      LateOverEarly(fit, floors) + kHalvesError * sigma <
          t.min_late_over_early) {
    return "it bends down";
  }
  return "";
}

constexpr char kNoTrend[] = "no significant trend";
constexpr char kTooShort[] = "too short a history";
constexpr char kNoSamples[] = "no samples";

std::string AgainstChance(const JudgedLife& c, const GrowthFit& fit) {
  if (fit.z < c.thresholds.min_z) return kNoTrend;
  return fit.slope.lo <= 0 ? "the slope's interval holds zero" : "";
}

// Growth below a level that was survived before is a saw's.
std::string AgainstPast(const JudgedLife& c, const GrowthFit& fit) {
  if (fit.of.is_saw()) return "";  // its troughs were fitted
  const double margin = c.thresholds.past_peak_margin * c.limit();
  const double now = c.life().blocks.back().floor;
  const double peak = SurvivedPeak(c.lives);
  return peak > 0 && now < peak + margin ? "not past an earlier peak" : "";
}

// While it may be a cache that fills.
std::string AgainstAge(const JudgedLife& c, const GrowthFit& fit) {
  const JudgementThresholds& t = c.thresholds;
  if (c.age_s() >= t.fill_age_s) return "";
  const SiblingWord word = AskSiblings(c.lives, c.me, fit.slope.value,
                                       fit.window_s, t.fill_age_s, c.now_ns);
  if (word == SiblingWord::kFlattens) return "older siblings stopped growing";
  if (word != SiblingWord::kNothing) return "";
  const std::vector<MemoryBlock>& blocks = c.life().blocks;
  const double gained = blocks.back().floor - blocks.front().floor;
  const double left = c.left(c.anon().blocks.back().floor);
  const double used = gained / std::max(1.0, gained + left);
  return used > t.fill_share_of_headroom ? "" : "young: it may be filling";
}

// Load and memory that comes and goes lift young and old alike. Growth that a
// day could not explain is none of them; and a leak can begin late in a life,
// with traffic that reaches it, and does not wait for a day to be over.
std::string AgainstClock(const JudgedLife& c, AgeWord word,
                         const ProcessJudgement& j) {
  if (word != AgeWord::kNotWithAge) return "";
  const JudgementThresholds& t = c.thresholds;
  const double watched_s =
      static_cast<double>(c.now_ns - c.life().blocks.front().time_ns) / 1e9;
  const double left_s =
      j.time_to_limit ? j.time_to_limit->lo_s : t.clock_watch_s;
  return watched_s < std::min(t.clock_watch_s, t.watch_of_time_left * left_s)
             ? "it does not go with age"
             : "";
}

// With request counts: memory of a load that rises as steadily as it does
// cannot be told from a leak until the load has turned.
std::string AgainstLoad(const JudgedLife& c, const GrowthFit& fit,
                        const Epoch& floors, AgeWord word) {
  return word != AgeWord::kWithAge &&
                 LoadShare(fit, floors) > c.thresholds.max_load_share
             ? "it may follow the load"
             : "";
}

// A workload whose memory is given back only under pressure looks like a leak
// until one of its pods has been seen to come back.
std::string AgainstWatch(const JudgedLife& c, const ProcessJudgement& j) {
  const JudgementThresholds& t = c.thresholds;
  double watched_s = 0;
  for (const WorkloadLife& life : c.lives) {
    if (life.blocks.empty()) continue;
    watched_s += static_cast<double>(life.blocks.back().time_ns -
                                     life.blocks.front().time_ns) /
                 1e9;
  }
  const double left_s = j.time_to_limit ? j.time_to_limit->lo_s : t.watch_s;
  return watched_s < std::min(t.watch_s, t.watch_of_time_left * left_s)
             ? "the workload was not watched for long enough"
             : "";
}

// Slow growth has time to show that it is as steady as a leak: load is not.
std::string AgainstSlow(const JudgedLife& c, const GrowthFit& fit,
                        const ProcessJudgement& j) {
  const JudgementThresholds& t = c.thresholds;
  if (j.time_to_limit && j.time_to_limit->lo_s < t.slow_s) return "";
  if (fit.window_s < t.slow_window_s) return "slow, and not seen for long";
  return LeastThird(fit) < t.min_slow_third ? "slow, and not steady" : "";
}

void Grade(const Window& window, const JudgedLife& c, ProcessJudgement& j) {
  const JudgementThresholds& t = c.thresholds;
  const double per_hour = j.bytes_per_s.value * 3600 / c.limit();
  if (per_hour < t.ticket_floor_per_h ||
      j.bytes_per_s.value * j.window_s < t.least_gained_bytes) {
    j.why_not = "under the effect floor";
    return;
  }
  j.page = j.time_to_limit && j.time_to_limit->hi_s < window.page_s &&
           per_hour >= t.page_floor_per_h;
  j.ticket =
      j.page || (window.ticket_s > 0 &&
                 (!j.time_to_limit || j.time_to_limit->lo_s < window.ticket_s));
  if (!j.ticket) j.why_not = "the limit is far away";
}

// Siblings may lend a pod their surety; in an hour chance has too many ways.
bool MayBePooled(const Window& window) {
  return window.long_s >= kPooledFrom_s;
}

// Growth that is not sure: it would have to be pooled, and fast enough for it.
bool CannotMatter(const Window& window, const JudgedLife& c,
                  const Epoch& points) {
  return CannotBeSure(points, c.thresholds) &&
         (!MayBePooled(window) ||
          IsSlowerThan(points,
                       c.thresholds.ticket_floor_per_h * c.limit() / 3600));
}

// What a fit that is sure, or may be pooled, says.
void Ask(const Window& window, const JudgedLife& c, const GrowthFit& fit,
         const Epoch& floors, const std::string& chance, ProcessJudgement& j) {
  j.why_not = AgainstShape(c, fit, floors);
  j.by_shape = !j.why_not.empty();
  if (j.why_not.empty()) j.why_not = AgainstPast(c, fit);
  if (j.why_not.empty()) j.why_not = AgainstAge(c, fit);
  if (!j.why_not.empty()) return;
  const AgeWord ages =
      AskAges(c.lives, c.me, fit.slope.value, fit.window_s, c.limit());
  j.grows = chance.empty();
  const double above =
      std::max(fit.of.amplitude, c.PeaksAboveFloors(window.long_s));
  j.time_to_limit = c.TimeOf(fit.slope, above);
  j.why_not = AgainstClock(c, ages, j);
  const std::string load = AgainstLoad(c, fit, floors, ages);
  j.may_follow_load = !load.empty();
  if (j.why_not.empty()) j.why_not = load;
  if (!j.why_not.empty()) {
    j.grows = false;
    return;
  }
  if (ages != AgeWord::kWithAge) j.why_not = AgainstWatch(c, j);
  if (j.why_not.empty()) j.why_not = AgainstSlow(c, fit, j);
  if (!j.why_not.empty()) return;
  Grade(window, c, j);
  if (j.grows) return;
  j.all_but_sure = j.ticket && MayBePooled(window);
  j.page = j.ticket = false;
  j.why_not = chance;
}

ProcessJudgement JudgeWindow(const Window& window, const JudgedLife& c,
                             Depth depth) {
  ProcessJudgement j;
  j.confirm_s = window.confirm_s;
  const Floors floors = c.Last(window.long_s);
  const Epoch& points = floors.points;
  j.window_s = points.size() < 2 ? 0 : points.back().t_s - points.front().t_s;
  if (j.window_s < window.least_s) {
    j.why_not = kTooShort;
    return j;
  }
  auto fitted = PointsOf(points, floors.requests);
  if (!fitted) {
    j.why_not = "too few blocks";
    return j;
  }
  if (depth == Depth::kToClaim && CannotMatter(window, c, fitted->points)) {
    j.why_not = kNoTrend;
    return j;
  }
  const auto fit =
      FitGrowth(*std::move(fitted), c.thresholds.interval_inflation);
  if (!fit) {
    j.why_not = "too few blocks";
    return j;
  }
  j.bytes_per_s = fit->slope;
  j.z = fit->z;
  j.window_s = fit->window_s;
  const std::string chance = AgainstChance(c, *fit);
  const bool slow =
      fit->slope.value * 3600 / c.limit() < c.thresholds.ticket_floor_per_h;
  if (depth == Depth::kToClaim && !chance.empty() &&
      (slow || !MayBePooled(window))) {
    j.why_not = chance;
    return j;
  }
  Ask(window, c, *fit, points, chance, j);
  return j;
}

}  // namespace

ProcessJudgement JudgeSeries(const JudgedLife& c, Depth depth) {
  ProcessJudgement best;
  best.why_not = kNoSamples;
  if (c.life().blocks.empty()) return best;
  std::string long_shape;
  for (const Window& window : WindowsOf(c.thresholds)) {
    const ProcessJudgement j = JudgeWindow(window, c, depth);
    const auto urgency = [](const ProcessJudgement& x) {
      return x.page ? 4 : x.ticket ? 3 : x.grows ? 2 : x.all_but_sure ? 1 : 0;
    };
    // Of two that are as urgent the longer window has the better interval.
    const bool told = j.why_not != kTooShort || best.why_not == kNoSamples;
    if (j.why_not != kTooShort) long_shape = j.by_shape ? j.why_not : "";
    if (urgency(j) > 0 ? urgency(j) >= urgency(best) : !best.grows && told) {
      best = j;
    }
  }
  best.long_shape = std::move(long_shape);
  return best;
}

ProcessJudgement JudgeLife(const std::vector<WorkloadLife>& lives, size_t me,
                           const JudgementInput& input,
                           const JudgementThresholds& thresholds,
                           int64_t now_ns) {
  return JudgeSeries({lives, me, input, thresholds, now_ns}, Depth::kInFull);
}

ProcessJudgement JudgeProcess(const std::vector<Sample>& anon,
                              const JudgementInput& input,
                              const JudgementThresholds& thresholds,
                              int64_t now_ns) {
  LifeLog log;
  log.Add(anon);
  WorkloadLife life;
  life.start_ns = log.first_ns();
  log.MoveTo(life.blocks);
  life.survived_peak = log.survived_peak();
  return JudgeLife({life}, 0, input, thresholds, now_ns);
}

bool Confirmations::Stands(ProcessKey process) const {
  const auto at = standing_.find(process);
  return at != standing_.end() && at->second.stood;
}

bool Confirmations::Add(ProcessKey process, const ProcessJudgement& judgement,
                        int64_t now_ns) {
  auto [at, fresh] = standing_.try_emplace(process);
  Standing& s = at->second;
  s.last_ns = now_ns;
  const auto since = [now_ns](int64_t then_ns) {
    return static_cast<double>(now_ns - then_ns) / 1e9;
  };
  if (judgement.grows) s.grew_ns = now_ns;
  const bool holds = judgement.page || judgement.ticket;
  if (s.stood) {
    s.stood = since(s.grew_ns) < thresholds_.hold_s;
    if (!s.stood) s.since_ns = 0;
    return s.stood;
  }
  if (!holds) {
    s.since_ns = 0;
    return false;
  }
  if (s.since_ns == 0) s.since_ns = now_ns;
  s.stood = since(s.since_ns) >= judgement.confirm_s;
  return s.stood;
}

void Confirmations::Forget(int64_t not_added_since_ns) {
  std::erase_if(standing_, [&](const auto& item) {
    return item.second.last_ns < not_added_since_ns;
  });
}

Verdict CauseOf(const GrowthShares& shares, const CauseThresholds& thresholds) {
  if (!shares.python || !shares.native) return Verdict::kLeak;
  if (*shares.python >= thresholds.one_cause) return Verdict::kPythonObject;
  if (*shares.native >= thresholds.one_cause) return Verdict::kNative;
  if (shares.free && *shares.free >= thresholds.one_cause) {
    return Verdict::kFragmentation;
  }
  return Verdict::kMixed;
}

}  // namespace plimsoll::collector
