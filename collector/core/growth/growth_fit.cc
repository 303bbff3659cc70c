#include "collector/core/growth/growth_fit.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <utility>

namespace plimsoll::collector {
namespace {

// Levels at the ends are means of so many floors; the noise of one end is that
// of an hour, since that of less may be correlated.
constexpr size_t kEndFloors = 3, kNoiseLag = 12;

// How far apart levels are whose differences are the noise of both ends.
size_t LagOf(size_t points) {
  return std::clamp<size_t>(points / 3, 1, kNoiseLag);
}

// Student's t for the ends of so many points.
double EndsQuantile(size_t points) {
  const auto make = [](size_t n) {
    const double dof =
        std::max(2.0, static_cast<double>(n) / static_cast<double>(LagOf(n)));
    return boost::math::quantile(boost::math::students_t(dof), 0.975);
  };
  // Made once: one costs as much as all sums over the points.
  static const auto kMade = [&] {
    std::array<double, 320> out{};
    for (size_t n = 0; n < out.size(); ++n) out[n] = make(n);
    return out;
  }();
  return points < kMade.size() ? kMade[points] : make(points);
}

// Squares of what is left of a line through the points, their mean.
double MeanSquare(const Epoch& points) {
  return SquaresAboutALine(points) /
         std::max(1.0, static_cast<double>(points.size()) - 2);
}

// The difference of the levels at both ends, and how far such a difference is
// off: the mean square of differences between levels that are an hour apart,
// less the trend.
Estimate Gained(const Epoch& points, GrowthFit& out) {
  const size_t n = points.size();
  const size_t k = std::clamp<size_t>(n / 6, 1, kEndFloors);
  Epoch means;
  for (size_t i = 0; i + k <= n; ++i) {
    Point mean;
    for (size_t j = i; j < i + k; ++j) {
      mean.t_s += points[j].t_s / static_cast<double>(k);
      mean.y += points[j].y / static_cast<double>(k);
    }
    means.push_back(mean);
  }
  const double span = means.back().t_s - means.front().t_s;
  if (span <= 0) return {};
  out.gained_over_s = span;
  const double rate = (means.back().y - means.front().y) / span;
  const Point& middle = means[means.size() / 2];
  if (middle.t_s > means.front().t_s && middle.t_s < means.back().t_s) {
    out.bend = (means.back().y - middle.y) / (means.back().t_s - middle.t_s) -
               (middle.y - means.front().y) / (middle.t_s - means.front().t_s);
  }
  const size_t lag = LagOf(n);
  double squares = 0, count = 0;
  Epoch offs;
  for (size_t i = 0; i + lag < means.size(); ++i) {
    const double off = means[i + lag].y - means[i].y -
                       rate * (means[i + lag].t_s - means[i].t_s);
    offs.push_back({means[i].t_s, off});
    squares += off * off;
    count += 1;
  }
  if (count < 2) return {rate};
  const double per_deviation = EndsQuantile(n) / span;
  const double half = per_deviation * std::sqrt(squares / count);
  out.noise =
      per_deviation * std::sqrt(std::min(squares / count, MeanSquare(offs)));
  return {rate, rate - half, rate + half};
}

}  // namespace

std::optional<GrowthFit> FitGrowth(GrowthPoints points, double inflation) {
  const auto fit = FitSlope(points.points, inflation);
  if (!fit) return std::nullopt;
  GrowthFit out;
  out.of = std::move(points);
  out.slope = fit->slope;
  out.z = fit->z;
  out.gained = Gained(out.of.points, out);
  out.window_s = out.of.window_s();
  return out;
}

std::optional<GrowthFit> FitGrowth(const Epoch& floors,
                                   const std::vector<double>& requests,
                                   double inflation) {
  auto points = PointsOf(floors, requests);
  if (!points) return std::nullopt;
  return FitGrowth(*std::move(points), inflation);
}

}  // namespace plimsoll::collector
