#include <algorithm>
#include <cmath>

#include "collector/core/stats/robust_slope.h"
#include "tests/bench/verdict/detectors.h"

namespace plimsoll::bench {
namespace {

constexpr double kHour_s = 3600;

struct Line {
  double slope = 0, at_end = 0, se = 0;
  int points = 0;
};

Line LeastSquares(const Tick* first, const Tick* past) {
  Line out;
  const double n = static_cast<double>(past - first);
  out.points = static_cast<int>(past - first);
  if (out.points < 3) return out;
  double mt = 0, my = 0;
  for (const Tick* t = first; t < past; ++t)
    mt += t->t_s / n, my += t->bytes / n;
  double sxx = 0, sxy = 0;
  for (const Tick* t = first; t < past; ++t) {
    sxx += (t->t_s - mt) * (t->t_s - mt);
    sxy += (t->t_s - mt) * (t->bytes - my);
  }
  if (sxx <= 0) return out;
  out.slope = sxy / sxx;
  out.at_end = my + out.slope * ((past - 1)->t_s - mt);
  double rss = 0;
  for (const Tick* t = first; t < past; ++t) {
    const double e = t->bytes - my - out.slope * (t->t_s - mt);
    rss += e * e;
  }
  out.se = std::sqrt(rss / (n - 2) / sxx);
  return out;
}

const Tick* Last(const Tick* first, const Tick* past, double span_s) {
  const double from = (past - 1)->t_s - span_s;
  return std::partition_point(first, past,
                              [from](const Tick& t) { return t.t_s < from; });
}

void Fill(const Line& line, double window_s, Claim& claim) {
  claim.bytes_per_s = line.slope;
  claim.lo = line.slope - 1.96 * line.se;
  claim.hi = line.slope + 1.96 * line.se;
  claim.has_interval = true;
  claim.window_s = window_s;
}

// predict_linear(rss[window], ahead) > limit, as in the published rules.
Rival PredictLinear(const char* name, double window_s, double ahead_s) {
  return {name,
          [=](const Tick* first, const Tick* past, double limit, Claim& claim) {
            const Line line = LeastSquares(Last(first, past, window_s), past);
            Fill(line, window_s, claim);
            return line.points > 2 &&
                   line.at_end + line.slope * ahead_s > limit;
          }};
}

// coroot@370a33f auditor/memory.go MemoryGrowthPct: after the last fall by
// half, least squares; the last quarter still at .3 of it; 10 % of the limit
// per hour alerts.
bool Coroot(const Tick* first, const Tick* past, double limit, Claim& claim) {
  const double window_s = std::min(24 * kHour_s, (past - 1)->t_s - first->t_s);
  const Tick* run = Last(first, past, window_s);
  const Tick* begin = run;
  for (const Tick* t = run + 1; t < past; ++t) {
    if (t->bytes < 0.5 * (t - 1)->bytes) begin = t;
  }
  const double span = (past - 1)->t_s - begin->t_s;
  if (past - begin < 10 || span < window_s / 3 || span < kHour_s) return false;
  const Line all = LeastSquares(begin, past);
  const Line late =
      LeastSquares(Last(begin, past, std::max(span / 4, 900.0)), past);
  Fill(all, span, claim);
  return all.slope * kHour_s > 0.1 * limit && late.slope >= 0.3 * all.slope;
}

// Kendall's test on raw points of a day, with or without the correction.
bool MannKendall(const Tick* first, const Tick* past, double limit,
                 Claim& claim) {
  if ((past - 1)->t_s - first->t_s < kHour_s) return false;
  collector::Epoch epoch;
  const size_t step = 1 + static_cast<size_t>(past - first) / 200;
  for (const Tick* t = first; t < past; t += step) {
    epoch.push_back({t->t_s, t->bytes});
  }
  const auto fit = collector::FitSlope(epoch, 1.0);
  if (!fit) return false;
  claim.bytes_per_s = fit->slope.value;
  claim.lo = fit->slope.lo;
  claim.hi = fit->slope.hi;
  claim.has_interval = true;
  claim.window_s = (past - 1)->t_s - first->t_s;
  return fit->z > 2.6 && fit->slope.value * kHour_s > 0.001 * limit;
}

bool PlainSlope(const Tick* first, const Tick* past, double limit,
                Claim& claim) {
  if ((past - 1)->t_s - first->t_s < kHour_s) return false;
  const Line line = LeastSquares(first, past);
  Fill(line, (past - 1)->t_s - first->t_s, claim);
  return line.slope > 2.6 * line.se && line.slope * kHour_s > 0.001 * limit;
}

}  // namespace

std::vector<Rival> Rivals() {
  return {PredictLinear("predict_linear 1 h, +4 h", kHour_s, 4 * kHour_s),
          PredictLinear("predict_linear 6 h, +24 h", 6 * kHour_s, 24 * kHour_s),
          {"Coroot's published rule", Coroot},
          {"Mann-Kendall, Hamed-Rao", MannKendall},
          {"least squares, t test", PlainSlope}};
}

}  // namespace plimsoll::bench
