#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/bench/verdict/detectors.h"

namespace plimsoll::bench {
namespace {

constexpr double kBlock_s = 300;
constexpr double kSettle_s = 600;
constexpr size_t kFewest = 9;  // blocks: three quarters of an hour
// An AR(1) error is told from a trend by less than its formula says when there
// are few points.
constexpr double kInflation = 1.4, kMinT = 3.5;
constexpr double kLeastShare = 0.001;  // of the limit per hour

struct Row {
  double t, path, bytes, n;
};

std::vector<Row> BlocksOf(const Tick* first, const Tick* past) {
  std::vector<Row> rows;
  double at = -1;
  for (const Tick* t = first; t < past; ++t) {
    if (t->t_s < first->t_s + kSettle_s) continue;
    const double block = std::floor(t->t_s / kBlock_s);
    if (rows.empty() || block != at) rows.push_back({0, 0, 0, 0});
    at = block;
    Row& r = rows.back();
    r.t += t->t_s, r.path += t->path, r.bytes += t->bytes, r.n += 1;
  }
  for (Row& r : rows) r.t /= r.n, r.path /= r.n, r.bytes /= r.n;
  return rows;
}

// Least squares of bytes on the path and on time.
bool Fires(const Tick* first, const Tick* past, double limit, Claim& claim) {
  const std::vector<Row> rows = BlocksOf(first, past);
  if (rows.size() < kFewest) return false;
  const double n = static_cast<double>(rows.size());
  double mt = 0, mp = 0, my = 0;
  for (const Row& r : rows) mt += r.t / n, mp += r.path / n, my += r.bytes / n;
  double tt = 0, tp = 0, pp = 0, ty = 0, py = 0;
  for (const Row& r : rows) {
    const double t = r.t - mt, p = r.path - mp, y = r.bytes - my;
    tt += t * t, tp += t * p, pp += p * p, ty += t * y, py += p * y;
  }
  // A path that does not move says nothing.
  const bool moves = pp > 1e-12 * mp * mp * n;
  const double det = moves ? tt * pp - tp * tp : tt;
  if (det <= 0) return false;
  const double slope = moves ? (ty * pp - py * tp) / det : ty / tt;
  const double size = moves ? (py * tt - ty * tp) / det : 0;
  double rss = 0, lagged = 0, before = 0;
  for (const Row& r : rows) {
    const double e = r.bytes - my - slope * (r.t - mt) - size * (r.path - mp);
    rss += e * e, lagged += e * before;
    before = e;
  }
  const double rho = rss > 0 ? std::clamp(lagged / rss, 0.0, 0.99) : 0;
  const double se = kInflation * std::sqrt(rss / (n - 3)) *
                    std::sqrt((moves ? pp : 1) / det) *
                    std::sqrt((1 + rho) / (1 - rho));
  claim.bytes_per_s = slope;
  claim.lo = slope - 1.96 * se;
  claim.hi = slope + 1.96 * se;
  claim.has_interval = true;
  claim.window_s = rows.back().t - rows.front().t;
  return slope > kMinT * se && slope * 3600 > kLeastShare * limit;
}

}  // namespace

Rival Oracle() { return {"oracle: knows the path", Fires}; }

}  // namespace plimsoll::bench
