#include "collector/core/growth_fit.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <span>

#include "collector/core/troughs.h"

namespace plimsoll::collector {
namespace {

constexpr size_t kFewestFloors = 8, kFewestTroughs = 6;
constexpr int kResetsOfASaw = 3;
// Teeth this many floors long have a trough of their own; shorter ones are
// grouped.
constexpr double kLongTooth = 3;
constexpr double kLeastFall = 0.01;  // of the level
constexpr size_t kLoadReach = 6;     // floors to either side
constexpr double kFewestRequests = 100;
// Load is taken out when less than this share of the squares is left.
constexpr double kLoadGain = 0.7;
constexpr double kMostOfLevel = 1;    // that follows load
constexpr double kLeastApart = 0.05;  // 1 - r^2 of load and the axis
// Levels at the ends are means of so many floors; the noise of one end is that
// of an hour, since that of less may be correlated.
constexpr size_t kEndFloors = 3, kNoiseLag = 12;

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

double LateOverEarly(const Epoch& points) {
  const double early = PartSlope(points, 0, 0.5);
  return early > 0 ? PartSlope(points, 0.5, 1) / early : 1;
}

// Where the level falls by more than noise: indices of the floors after.
std::vector<size_t> FallsOf(const Epoch& floors) {
  std::vector<double> steps, levels;
  for (size_t i = 0; i < floors.size(); ++i) {
    levels.push_back(floors[i].y);
    if (i > 0) steps.push_back(floors[i].y - floors[i - 1].y);
  }
  const double bar =
      std::max(6 * RobustDeviation(steps), kLeastFall * Median(levels));
  std::vector<size_t> falls;
  for (size_t i = 0; i < steps.size(); ++i) {
    // A fall that takes two floors is one.
    if (steps[i] < -bar && (falls.empty() || i + 1 > falls.back() + 1)) {
      falls.push_back(i + 1);
    }
  }
  return falls;
}

// The floors themselves, or what of them are the troughs of a saw.
Epoch TroughsOf(const Epoch& floors, GrowthFit& out) {
  const std::vector<size_t> falls = FallsOf(floors);
  out.resets = static_cast<int>(falls.size());
  if (out.resets < kResetsOfASaw) return floors;
  const double tooth =
      static_cast<double>(floors.size()) / static_cast<double>(falls.size());
  if (tooth < kLongTooth) {
    const Troughs grouped = FindTroughs(floors);
    out.amplitude = grouped.amplitude;
    return grouped.points;
  }
  Epoch points;
  for (const size_t at : falls) {
    const size_t next = at + 1 < floors.size() ? at + 1 : at;
    points.push_back(floors[at].y <= floors[next].y ? floors[at]
                                                    : floors[next]);
    out.amplitude = std::max(out.amplitude, floors[at - 1].y - points.back().y);
  }
  return points;
}

// The share of the slope that is gone where what is before and what is behind
// the largest jump are looked at apart.
double StepShare(const Epoch& points, double slope) {
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

// Rate of requests about each floor, over an hour, so that their own noise is
// not taken for load.
std::vector<double> LoadOf(const Epoch& floors,
                           const std::vector<double>& requests) {
  std::vector<double> load;
  for (size_t i = 0; i < floors.size(); ++i) {
    const size_t from = i < kLoadReach ? 0 : i - kLoadReach;
    const size_t to = std::min(i + kLoadReach, floors.size() - 1);
    double sum = 0;
    for (size_t k = from + 1; k <= to; ++k) sum += requests[k];
    load.push_back(sum / (floors[to].t_s - floors[from].t_s));
  }
  return load;
}

// Least squares of the levels on an axis and, if `load` is not empty, on load;
// the sum of squares that is left, and what load costs.
struct Explained {
  double rss = 0, per_load = 0;
};
Explained Explain(const Epoch& points, const std::vector<double>& load) {
  const double n = static_cast<double>(points.size());
  double mx = 0, my = 0, ml = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    mx += points[i].t_s / n;
    my += points[i].y / n;
    ml += load.empty() ? 0 : load[i] / n;
  }
  double xx = 0, xl = 0, ll = 0, xy = 0, ly = 0, yy = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const double x = points[i].t_s - mx, y = points[i].y - my;
    const double l = load.empty() ? 0 : load[i] - ml;
    xx += x * x, xl += x * l, ll += l * l;
    xy += x * y, ly += l * y, yy += y * y;
  }
  const double det = xx * ll - xl * xl;
  // Load that is a straight line in time cannot be told from a leak.
  if (load.empty() || det <= kLeastApart * xx * ll) {
    return {xx > 0 ? yy - xy * xy / xx : yy, 0};
  }
  const double b = (xy * ll - ly * xl) / det;
  const double g = (ly * xx - xy * xl) / det;
  return {std::max(0.0, yy - b * xy - g * ly), g};
}

// What a request in flight may cost at the most: by the interval of the fit of
// both, and no more than a part of the level, since code and what is loaded
// once do not follow load. On a straight line of load the fit leaves all open.
double MostPerLoad(const Epoch& points, const std::vector<double>& load) {
  const double n = static_cast<double>(points.size());
  double mx = 0, my = 0, ml = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    mx += points[i].t_s / n, my += points[i].y / n, ml += load[i] / n;
  }
  if (ml <= 0) return 0;
  const double most = kMostOfLevel * my / ml;
  double xx = 0, xl = 0, ll = 0, xy = 0, ly = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const double x = points[i].t_s - mx, y = points[i].y - my, l = load[i] - ml;
    xx += x * x, xl += x * l, ll += l * l, xy += x * y, ly += l * y;
  }
  const double det = xx * ll - xl * xl;
  // What bends in so straight a line is the counts' noise.
  if (det <= kLeastApart * xx * ll || n < 4) return most;
  const double b = (xy * ll - ly * xl) / det, g = (ly * xx - xy * xl) / det;
  double rss = 0, lagged = 0, before = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const double e =
        points[i].y - my - b * (points[i].t_s - mx) - g * (load[i] - ml);
    rss += e * e, lagged += e * before;
    before = e;
  }
  const double rho = rss > 0 ? std::clamp(lagged / rss, 0.0, 0.95) : 0;
  const double se = std::sqrt(rss / (n - 3) * xx / det * (1 + rho) / (1 - rho));
  return std::clamp(g + 2 * se, 0.0, most);
}

// How fast load rises over time.
double LoadSlope(const Epoch& points, const std::vector<double>& load) {
  Epoch epoch = points;
  for (size_t i = 0; i < epoch.size(); ++i) epoch[i].y = load[i];
  return SlopeOf(epoch);
}

// The floors on the axis that explains them best, less what follows load.
Epoch OnLoad(const Epoch& floors, const std::vector<double>& requests,
             GrowthFit& out, double& load_bytes_per_s) {
  double total = 0;
  for (size_t i = 1; i < requests.size(); ++i) total += requests[i];
  const double span = floors.back().t_s - floors.front().t_s;
  if (requests.size() != floors.size() || span <= 0 ||
      total < kFewestRequests) {
    return floors;
  }
  Epoch by_requests = floors;
  double served = 0;
  for (size_t i = 0; i < floors.size(); ++i) {
    if (i > 0) served += requests[i];
    by_requests[i].t_s = floors.front().t_s + served / total * span;
  }
  const std::vector<double> load = LoadOf(floors, requests);
  const Explained time = Explain(floors, {});
  const Explained request = Explain(by_requests, {});
  out.by_requests = request.rss < time.rss;
  Epoch best = out.by_requests ? by_requests : floors;
  const Explained with_load = Explain(best, load);
  const double rss = std::min(time.rss, request.rss);
  load_bytes_per_s = MostPerLoad(floors, load) * LoadSlope(floors, load);
  if (with_load.per_load > 0 && with_load.rss < kLoadGain * rss) {
    out.load_taken_out = true;
    load_bytes_per_s -= with_load.per_load * LoadSlope(floors, load);
    for (size_t i = 0; i < best.size(); ++i) {
      best[i].y -= with_load.per_load * load[i];
    }
  }
  return best;
}

// Squares of what is left of a line through the points, their mean.
double MeanSquare(const Epoch& points) {
  const double rss = Explain(points, {}).rss;
  return rss / std::max(1.0, static_cast<double>(points.size()) - 2);
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
  const double rate = (means.back().y - means.front().y) / span;
  const Point& middle = means[means.size() / 2];
  if (middle.t_s > means.front().t_s && middle.t_s < means.back().t_s) {
    out.bend = (means.back().y - middle.y) / (means.back().t_s - middle.t_s) -
               (middle.y - means.front().y) / (middle.t_s - means.front().t_s);
  }
  const size_t lag = std::clamp<size_t>(n / 3, 1, kNoiseLag);
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
  const double dof =
      std::max(2.0, static_cast<double>(n) / static_cast<double>(lag));
  const double per_deviation =
      boost::math::quantile(boost::math::students_t(dof), 0.975) / span;
  const double half = per_deviation * std::sqrt(squares / count);
  out.noise =
      per_deviation * std::sqrt(std::min(squares / count, MeanSquare(offs)));
  return {rate, rate - half, rate + half};
}

}  // namespace

std::optional<GrowthFit> FitGrowth(const Epoch& floors,
                                   const std::vector<double>& requests,
                                   double inflation) {
  if (floors.size() < kFewestFloors) return std::nullopt;
  GrowthFit out;
  double load_bytes_per_s = 0;
  const Epoch points =
      TroughsOf(OnLoad(floors, requests, out, load_bytes_per_s), out);
  if (points.size() < kFewestTroughs) return std::nullopt;
  const auto fit = FitSlope(points, inflation);
  if (!fit) return std::nullopt;
  out.slope = fit->slope;
  out.z = fit->z;
  out.gained = Gained(points, out);
  out.window_s = points.back().t_s - points.front().t_s;
  out.points = static_cast<int>(points.size());
  const double b = fit->slope.value;
  if (b <= 0 || out.window_s <= 0) return out;
  out.load_share = std::max(0.0, load_bytes_per_s / b);
  const double first = PartSlope(points, 0, 1. / 3);
  const double middle = PartSlope(points, 1. / 3, 2. / 3);
  const double last = PartSlope(points, 2. / 3, 1);
  out.least_third = std::min({first, middle, last}) / b;
  out.last_third = last / b;
  out.late_over_early = LateOverEarly(points);
  // What fills does so by age: requests that become fewer straighten it.
  if (out.by_requests && out.resets < kResetsOfASaw) {
    out.late_over_early = std::min(out.late_over_early, LateOverEarly(floors));
  }
  out.step_share = StepShare(points, b);
  return out;
}

}  // namespace plimsoll::collector
