#include "collector/core/growth/growth_shape.h"

#include <algorithm>
#include <array>
#include <span>

namespace plimsoll::collector {
namespace {

double SlopeOf(std::span<const Point> points) {
  const Epoch epoch(points.begin(), points.end());
  return TheilSen(std::span<const Epoch>(&epoch, 1)).value_or(0);
}

// Slope of the part of `points` between two shares of their span.
double PartSlope(const Epoch& points, double from, double to) {
  const double begin = points.front().t_s;
  const double span = points.back().t_s - begin;
  Epoch part;
  for (const Point& p : points) {
    const double share = (p.t_s - begin) / span;
    if (share >= from - 1e-9 && share <= to + 1e-9) part.push_back(p);
  }
  return part.size() < 3 ? 0 : SlopeOf(part);
}

double HalvesRatio(const Epoch& points) {
  const double early = PartSlope(points, 0, 0.5);
  return early > 0 ? PartSlope(points, 0.5, 1) / early : 1;
}

// The share of the slope that is gone where what is before and what is behind
// the largest jump are looked at apart.
double LargestStep(const Epoch& points, double slope) {
  size_t at = 1;
  for (size_t i = 2; i < points.size(); ++i) {
    if (points[i].y - points[i - 1].y > points[at].y - points[at - 1].y) {
      at = i;
    }
  }
  const double expected = slope * (points[at].t_s - points[at - 1].t_s);
  const double jump = points[at].y - points[at - 1].y - expected;
  if (jump <= 0 || slope <= 0) return 0;
  const auto middle = points.begin() + static_cast<std::ptrdiff_t>(at);
  const std::array<Epoch, 2> sides = {Epoch(points.begin(), middle),
                                      Epoch(middle, points.end())};
  return 1 - TheilSen(sides).value_or(slope) / slope;
}

// How fast load rises over time.
double LoadSlope(const Epoch& points, const std::vector<double>& load) {
  Epoch epoch = points;
  for (size_t i = 0; i < epoch.size(); ++i) epoch[i].y = load[i];
  return SlopeOf(epoch);
}

bool Grows(const GrowthFit& fit) {
  return fit.slope.value > 0 && fit.window_s > 0;
}

}  // namespace

double LastThird(const GrowthFit& fit) {
  if (!Grows(fit)) return 0;
  return PartSlope(fit.of.points, 2. / 3, 1) / fit.slope.value;
}

double LeastThird(const GrowthFit& fit) {
  if (!Grows(fit)) return 0;
  const Epoch& points = fit.of.points;
  return std::min({PartSlope(points, 0, 1. / 3),
                   PartSlope(points, 1. / 3, 2. / 3),
                   PartSlope(points, 2. / 3, 1)}) /
         fit.slope.value;
}

double LateOverEarly(const GrowthFit& fit, const Epoch& floors) {
  if (!Grows(fit)) return 0;
  const double ratio = HalvesRatio(fit.of.points);
  // What fills does so by age: requests that become fewer straighten it.
  return fit.of.by_requests && !fit.of.is_saw()
             ? std::min(ratio, HalvesRatio(floors))
             : ratio;
}

double StepShare(const GrowthFit& fit) {
  return Grows(fit) ? LargestStep(fit.of.points, fit.slope.value) : 0;
}

double LoadShare(const GrowthFit& fit, const Epoch& floors) {
  if (!Grows(fit) || fit.of.load.empty()) return 0;
  const double rises = LoadSlope(floors, fit.of.load);
  const double bytes_per_s =
      fit.of.most_per_load * rises - fit.of.taken_per_load * rises;
  return std::max(0.0, bytes_per_s / fit.slope.value);
}

}  // namespace plimsoll::collector
