#include "collector/core/judgement.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "collector/core/troughs.h"

namespace plimsoll::collector {
namespace {

struct Window {
  double long_s, short_s;
  bool may_page;
};
constexpr std::array<Window, 3> kWindows = {
    {{3600, 600, true}, {6 * 3600, 3600, true}, {86400, 6 * 3600, false}}};
constexpr double kLeastOfWindow = 0.25;

Epoch Last(const std::vector<Sample>& samples, int64_t now_ns, double span_s) {
  Epoch epoch;
  const int64_t from = now_ns - static_cast<int64_t>(span_s * 1e9);
  for (const Sample& s : samples) {
    if (s.time_ns >= from && s.time_ns <= now_ns) {
      epoch.push_back({static_cast<double>(s.time_ns - from) / 1e9, s.value});
    }
  }
  return epoch;
}

Epoch After(const Epoch& points, double t_s) {
  Epoch out;
  for (const Point& p : points) {
    if (p.t_s >= t_s) out.push_back(p);
  }
  return out;
}

double SlopeOf(const Epoch& points) {
  return TheilSen(std::span<const Epoch>(&points, 1)).value_or(0);
}

std::string StillGrowing(const Epoch& troughs, const Window& window,
                         double slope, const JudgementThresholds& thresholds) {
  const double end = troughs.back().t_s;
  const double span = end - troughs.front().t_s;
  const double last_third = SlopeOf(After(troughs, end - span / 3));
  if (last_third < thresholds.min_last_third * slope) {
    return "flat in the last third";
  }
  const double short_s = std::clamp(window.short_s, span / 12, span / 3);
  const Epoch late = After(troughs, end - short_s);
  if (late.size() >= 3 && SlopeOf(late) < thresholds.min_short_window * slope) {
    return "flat in the short window";
  }
  return "";
}

std::optional<TimeToLimit> TimeOf(const JudgementInput& input,
                                  const Estimate& slope, double amplitude) {
  const bool own = input.limit_bytes && *input.limit_bytes > 0;
  if (slope.hi <= 0 || (!own && !input.node_available_bytes)) {
    return std::nullopt;
  }
  const double usage = input.usage_bytes.value_or(
      input.anon.empty() ? 0 : input.anon.back().value);
  // The kill comes at the peak of the saw, not at its floor.
  const double left =
      own ? *input.limit_bytes - usage : *input.node_available_bytes;
  const double headroom = std::max(0.0, left - amplitude);
  TimeToLimit time;
  time.lo_s = headroom / slope.hi;
  if (slope.lo > 0) time.hi_s = headroom / slope.lo;
  return time;
}

void Grade(const Window& window, const JudgementInput& input,
           const JudgementThresholds& thresholds, ProcessJudgement& j) {
  const double limit =
      input.limit_bytes.value_or(thresholds.assumed_limit_bytes);
  const double per_hour = j.bytes_per_s.value * 3600 / limit;
  if (per_hour < thresholds.ticket_floor_per_h) {
    j.why_not = "under the effect floor";
    return;
  }
  const double horizon =
      window.long_s <= 3600 ? thresholds.page_1h_s : thresholds.page_6h_s;
  j.page = window.may_page && j.time_to_limit &&
           j.time_to_limit->hi_s < horizon &&
           per_hour >= thresholds.page_floor_per_h;
  j.ticket =
      j.page ||
      (!window.may_page &&
       (!j.time_to_limit || j.time_to_limit->hi_s < thresholds.ticket_s));
  if (!j.ticket) j.why_not = "the limit is far away";
}

ProcessJudgement JudgeWindow(const Window& window, const JudgementInput& input,
                             const JudgementThresholds& thresholds,
                             int64_t now_ns) {
  ProcessJudgement j;
  j.short_window_s = window.short_s;
  const Epoch samples = Last(input.anon, now_ns, window.long_s);
  j.window_s =
      samples.size() < 2 ? 0 : samples.back().t_s - samples.front().t_s;
  if (j.window_s < kLeastOfWindow * window.long_s) {
    j.why_not = "too short a history";
    return j;
  }
  const Troughs troughs = FindTroughs(samples);
  j.blocks = static_cast<int>(troughs.points.size());
  const auto fit = FitSlope(troughs.points, thresholds.interval_inflation);
  if (!fit || j.blocks < thresholds.min_blocks) {
    j.why_not = "too few blocks";
    return j;
  }
  j.bytes_per_s = fit->slope;
  j.z = fit->z;
  if (fit->z < thresholds.min_z) {
    j.why_not = "no significant trend";
    return j;
  }
  if (fit->slope.lo <= 0) {
    j.why_not = "the slope's interval holds zero";
    return j;
  }
  j.why_not =
      StillGrowing(troughs.points, window, fit->slope.value, thresholds);
  if (!j.why_not.empty()) return j;
  j.grows = true;
  j.time_to_limit = TimeOf(input, fit->slope, troughs.amplitude);
  Grade(window, input, thresholds, j);
  return j;
}

}  // namespace

ProcessJudgement JudgeProcess(const JudgementInput& input,
                              const JudgementThresholds& thresholds,
                              int64_t now_ns) {
  ProcessJudgement best;
  best.why_not = "no samples";
  for (const Window& window : kWindows) {
    const ProcessJudgement j = JudgeWindow(window, input, thresholds, now_ns);
    const auto urgency = [](const ProcessJudgement& x) {
      return x.page ? 3 : x.ticket ? 2 : x.grows ? 1 : 0;
    };
    if (urgency(j) > urgency(best) || best.window_s == 0) best = j;
    if (best.page) break;
  }
  return best;
}

bool Confirmations::Add(ProcessKey process, const ProcessJudgement& judgement,
                        int64_t now_ns) {
  if (!judgement.page && !judgement.ticket) {
    standing_.erase(process);
    return false;
  }
  auto [at, fresh] = standing_.try_emplace(process, Standing{now_ns, now_ns});
  at->second.last_ns = now_ns;
  const double stood = static_cast<double>(now_ns - at->second.since_ns) / 1e9;
  return stood >= judgement.short_window_s;
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
