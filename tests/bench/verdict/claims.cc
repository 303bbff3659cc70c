#include "tests/bench/verdict/claims.h"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <cstdio>
#include <set>

namespace plimsoll::bench {
namespace {

constexpr double kSlowest = 0.15, kSlow = 1;
constexpr double kVisible = 0.01;
// A leak that takes this long is deadly.
constexpr double kDeadly_s = 86400;

// The life of a pod that a claim at this time speaks of.
const PodLife* LifeAt(const MadeWorkload& w, const std::string& pod,
                      double at_s) {
  const PodLife* best = nullptr;
  for (const PodLife& life : w.lives) {
    if (life.pod == pod && life.ticks.front().t_s <= at_s &&
        (best == nullptr || life.start_s > best->start_s)) {
      best = &life;
    }
  }
  return best;
}

const Tick& TickAt(const PodLife& life, double t_s) {
  const auto past =
      std::partition_point(life.ticks.begin(), life.ticks.end(),
                           [t_s](const Tick& t) { return t.t_s <= t_s; });
  return past == life.ticks.begin() ? life.ticks.front() : *(past - 1);
}

// How much a part of the memory of the claim's pods gained per second over its
// window; their mean.
std::optional<double> RateOf(const MadeWorkload& w, const Claim& c,
                             float Tick::*part) {
  double sum = 0;
  int pods = 0;
  for (const std::string& pod : c.pods) {
    const PodLife* life = LifeAt(w, pod, c.at_s);
    if (life == nullptr) continue;
    const Tick& last = TickAt(*life, c.at_s);
    const Tick& first = TickAt(*life, c.at_s - c.window_s);
    if (last.t_s <= first.t_s) continue;
    sum += (last.*part - first.*part) / (last.t_s - first.t_s);
    ++pods;
  }
  if (pods == 0) return std::nullopt;
  return sum / pods;
}

// Of what was left when the life, the leak or the history began.
double HeadroomUsed(const MadeWorkload& w, const std::string& pod,
                    double at_s) {
  const PodLife* life = LifeAt(w, pod, at_s);
  if (life == nullptr) return 0;
  const Tick& now = TickAt(*life, at_s);
  const Tick& first = life->ticks.front();
  const double healthy = now.bytes - now.leaked;
  return (now.leaked - first.leaked) /
         std::max(1.0, w.limit_bytes - healthy - first.leaked);
}

void Cover(const Claim& c, double truth, Coverage& out) {
  out.under += truth<c.lo, out.over += truth> c.hi;
  out.held += c.lo <= truth && truth <= c.hi;
  const double half =
      truth < c.bytes_per_s ? c.bytes_per_s - c.lo : c.hi - c.bytes_per_s;
  out.errors.push_back(std::abs(truth - c.bytes_per_s) / std::max(1e-9, half));
  out.widths.push_back((c.hi - c.lo) / 2 / std::max(1e-9, c.bytes_per_s));
}

std::vector<std::string> GroupsOf(const MadeWorkload& w, const Claim& c) {
  char window[32];
  std::snprintf(window, sizeof(window), "window %.1f h",
                std::round(2 * c.window_s / 3600) / 2);
  return {"all",
          std::string("shape ") + Name(w.shape),
          std::string("leak ") + Name(w.leak),
          window,
          c.pods.size() > 1 ? "pods 2 and more" : "pods 1",
          c.first ? "said first" : "said again",
          c.page ? "page" : "ticket"};
}

void ScoreInterval(const MadeWorkload& w, const Claim& c, Score& score) {
  if (!c.has_interval) return;
  const auto truth = TrueRateOf(w, c);
  if (!truth) return;
  ShapeScore& shape = score.shapes[Name(w.shape)];
  for (const std::string& group : GroupsOf(w, c)) {
    CoverageOf& of = score.coverage[group];
    Cover(c, *truth, c.model_limited ? of.marked : of.stated);
  }
  score.marked += c.model_limited, shape.marked += c.model_limited;
  if (c.model_limited) return;
  const bool held = c.lo <= *truth && *truth <= c.hi;
  ++score.intervals, ++shape.intervals;
  score.held += held, shape.held += held;
}

void ScoreTime(const MadeWorkload& w, const Claim& c, Score& score) {
  if (!c.oom_s) return;
  for (const std::string& pod : c.pods) {
    const PodLife* life = LifeAt(w, pod, c.at_s);
    if (life == nullptr || !life->killed) continue;
    const double used = HeadroomUsed(w, pod, c.at_s);
    const double left = life->ticks.back().t_s - c.at_s;
    if (used < 0.3 || used > 0.7 || left <= 0) continue;
    const double middle = 0.5 * (c.oom_s->first + c.oom_s->second);
    score.oom_errors.push_back(std::abs(middle - left) / left);
    return;
  }
}

void ScoreFirst(const MadeWorkload& w, const Claim& c, Score& score) {
  if (w.leak_percent_per_h / 100 * kDeadly_s / 3600 > 0.6) {
    double most = 0;
    for (const std::string& pod : c.pods) {
      most = std::max(most, HeadroomUsed(w, pod, c.at_s));
    }
    score.headroom_used.push_back(most);
  }
}

// From the moment at which a second pod of the version was there.
void ScoreVersion(const MadeWorkload& w, const Claim& c, Score& score) {
  if (w.leak != Leak::kInVersion) return;
  std::vector<double> starts;
  for (const PodLife& life : w.lives) {
    if (life.version == "v2") starts.push_back(life.start_s);
  }
  if (starts.size() < 2) return;
  std::sort(starts.begin(), starts.end());
  score.version_delays_h.push_back((c.at_s - starts[1]) / 3600);
}

double PodDays(const MadeWorkload& w) {
  double days = 0;
  for (const PodLife& life : w.lives) {
    days += (life.ticks.back().t_s - life.ticks.front().t_s) / 86400;
  }
  return days;
}

void ScoreCity(const MadeWorkload& w, const std::string& attribute,
               Score& score) {
  if (w.leak == Leak::kNone || attribute.empty()) return;
  const bool right =
      w.city >= 0 && attribute == std::string("city=") + kCityNames[w.city];
  score.city_right += right;
  // Requests of any kind are right where no city is to blame.
  score.city_wrong += !right;
}

}  // namespace

bool IsTrue(const MadeWorkload& w, const Claim& c) {
  if (w.leak == Leak::kNone || c.at_s < w.leak_from_s) return false;
  return std::any_of(c.pods.begin(), c.pods.end(), [&](const auto& pod) {
    const PodLife* life = LifeAt(w, pod, c.at_s);
    return life != nullptr && TickAt(*life, c.at_s).leaked > 0;
  });
}

std::optional<double> TrueRateOf(const MadeWorkload& w, const Claim& c) {
  return RateOf(w, c, &Tick::leaked);
}
std::optional<double> HealthyRateOf(const MadeWorkload& w, const Claim& c) {
  return RateOf(w, c, &Tick::path);
}

double MostLeaked(const MadeWorkload& w) {
  double most = 0;
  for (const PodLife& life : w.lives) {
    most = std::max<double>(
        most, life.ticks.back().leaked - life.ticks.front().leaked);
  }
  return most / w.limit_bytes;
}

double Score::Marked() const {
  return static_cast<double>(marked) / std::max(1, marked + intervals);
}
double Score::Precision() const {
  return static_cast<double>(true_claims) /
         std::max(1, true_claims + false_claims);
}
double Score::Recall() const {
  return static_cast<double>(found) / std::max(1, leaking);
}
double Score::SlowRecall() const {
  return static_cast<double>(slow_found) / std::max(1, slow);
}
double Score::FalsePerDay() const {
  return false_on_healthy / std::max(1e-9, healthy_pod_days);
}

void AddScore(const std::vector<MadeWorkload>& fleet,
              const std::vector<Claim>& claims, Score& score) {
  std::map<int, std::string> blamed;
  std::set<int> found;
  for (const Claim& c : claims) {
    const MadeWorkload& w = fleet[static_cast<size_t>(c.workload)];
    ShapeScore& shape = score.shapes[Name(w.shape)];
    const bool right = IsTrue(w, c);
    if (c.first) {
      score.true_claims += right, shape.true_claims += right;
      score.false_claims += !right, shape.false_claims += !right;
      score.false_pages += !right && c.page;
      score.false_on_healthy += w.leak == Leak::kNone;
      score.pages_on_healthy += w.leak == Leak::kNone && c.page;
    }
    if (!right) continue;
    if (found.insert(c.workload).second) {
      ScoreFirst(w, c, score);
      ScoreVersion(w, c, score);
    }
    ScoreInterval(w, c, score);
    ScoreTime(w, c, score);
    if (!c.attribute.empty()) blamed[c.workload] = c.attribute;
  }
  for (size_t i = 0; i < fleet.size(); ++i) {
    const MadeWorkload& w = fleet[i];
    if (w.leak == Leak::kNone) {
      score.healthy_pod_days += PodDays(w);
      continue;
    }
    const bool hit = found.contains(static_cast<int>(i));
    const bool slow =
        w.leak_percent_per_h >= kSlowest && w.leak_percent_per_h <= kSlow;
    ++score.leaking, ++score.shapes[Name(w.shape)].leaking;
    ++score.leaks[Name(w.leak)].leaking;
    score.found += hit, score.shapes[Name(w.shape)].found += hit;
    score.leaks[Name(w.leak)].found += hit;
    score.slow += slow, score.slow_found += slow && hit;
    const bool visible = MostLeaked(w) >= kVisible;
    score.visible += visible, score.visible_found += visible && hit;
    score.slow_visible += visible && slow;
    score.slow_visible_found += visible && slow && hit;
    score.city_leaks += w.city >= 0;
    ScoreCity(w, blamed[static_cast<int>(i)], score);
  }
}

double UpperRate(int events, double days) {
  const boost::math::chi_squared chi(2.0 * (events + 1));
  return boost::math::quantile(chi, 0.95) / 2 / std::max(days, 1e-9);
}

}  // namespace plimsoll::bench
