#include "collector/core/growth/growth_points.h"

#include <algorithm>
#include <cmath>

#include "collector/core/stats/troughs.h"

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
Epoch TroughsOf(const Epoch& floors, GrowthPoints& out) {
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

// The floors on the axis that explains them best, less what follows load.
Epoch OnLoad(const Epoch& floors, const std::vector<double>& requests,
             GrowthPoints& out) {
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
  out.load = LoadOf(floors, requests);
  const Explained time = Explain(floors, {});
  const Explained request = Explain(by_requests, {});
  out.by_requests = request.rss < time.rss;
  Epoch best = out.by_requests ? by_requests : floors;
  const Explained with_load = Explain(best, out.load);
  const double rss = std::min(time.rss, request.rss);
  out.most_per_load = MostPerLoad(floors, out.load);
  if (with_load.per_load > 0 && with_load.rss < kLoadGain * rss) {
    out.load_taken_out = true;
    out.taken_per_load = with_load.per_load;
    for (size_t i = 0; i < best.size(); ++i) {
      best[i].y -= with_load.per_load * out.load[i];
    }
  }
  return best;
}

}  // namespace

bool GrowthPoints::is_saw() const { return resets >= kResetsOfASaw; }

std::optional<GrowthPoints> PointsOf(const Epoch& floors,
                                     const std::vector<double>& requests) {
  if (floors.size() < kFewestFloors) return std::nullopt;
  GrowthPoints out;
  out.points = TroughsOf(OnLoad(floors, requests, out), out);
  if (out.points.size() < kFewestTroughs) return std::nullopt;
  return out;
}

double SquaresAboutALine(const Epoch& points) {
  return Explain(points, {}).rss;
}

}  // namespace plimsoll::collector
