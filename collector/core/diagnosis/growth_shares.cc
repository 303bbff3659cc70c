#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include "collector/core/diagnosis/diagnosis_stored.h"
#include "collector/core/history/used_memory.h"
#include "collector/core/stats/mean_slope.h"
#include "collector/core/stats/robust_slope.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLeastWindowNs = 300 * kSecond;
constexpr double kLittle = 0.3;        // of the growth: it names no cause
constexpr size_t kFewestCensuses = 8;  // in a window; else it is looked back
constexpr int64_t kMostWindows = 4;    // over so many of them
constexpr double kStudent = 3.182;     // 95 %, of three

using Samples = std::vector<Sample>;

// What the window holds of one process.
struct Parts {
  Samples anon, live, free, malloc_python, malloc_free;
};

absl::StatusOr<Parts> ReadParts(const FleetReader& reader, ProcessKey process,
                                int64_t from, int64_t to) {
  Parts p;
  const std::pair<const char*, Samples*> wanted[] = {
      {metric::kAnon, &p.anon},
      {metric::kLiveBytes, &p.live},
      {metric::kFreeBytes, &p.free},
      {metric::kMallocPython, &p.malloc_python},
      {metric::kMallocFree, &p.malloc_free}};
  for (const auto& [name, samples] : wanted) {
    PLIMSOLL_ASSIGN_OR_RETURN(*samples,
                              reader.Read(process, {name, ""}, from, to));
  }
  return p;
}

// Between two samples; nothing outside of them.
std::optional<double> At(const Samples& samples, int64_t time_ns) {
  const auto next = std::lower_bound(
      samples.begin(), samples.end(), time_ns,
      [](const Sample& s, int64_t t) { return s.time_ns < t; });
  if (next == samples.end()) return std::nullopt;
  if (next->time_ns == time_ns) return next->value;
  if (next == samples.begin()) return std::nullopt;
  const Sample& last = *std::prev(next);
  const double share = static_cast<double>(time_ns - last.time_ns) /
                       static_cast<double>(next->time_ns - last.time_ns);
  return last.value + share * (next->value - last.value);
}

// Half of the 95 % interval of the mean slope of `points`, which is nearly 0.
// That slope is the part of them that goes with one turn of a sine over the
// time; errors have as much of that as of the turns beside it, of which there
// are three: Student's t (Lazarus, Lewis, Stock and Watson, Journal of Business
// and Economic Statistics 36, 2018).
double HalfWidth(const Epoch& points) {
  const double span_s = points.back().t_s - points.front().t_s;
  double cosine = 0, sine_2 = 0, cosine_2 = 0;
  for (size_t i = 1; i < points.size(); ++i) {
    const Point& a = points[i - 1];
    const Point& b = points[i];
    const double dx = (b.t_s - a.t_s) / span_s;
    const double turn = 2 * std::numbers::pi *
                        ((a.t_s + b.t_s) / 2 - points.front().t_s) / span_s;
    const double y = (a.y + b.y) / 2;
    cosine += y * std::cos(turn) * dx;
    sine_2 += y * std::sin(2 * turn) * dx;
    cosine_2 += y * std::cos(2 * turn) * dx;
  }
  const double mean_square =
      (cosine * cosine + sine_2 * sine_2 + cosine_2 * cosine_2) / 3;
  return kStudent * 2 * std::numbers::pi * std::sqrt(mean_square) / span_s;
}

// A share of the growth is as unsure as the slope of what it leaves of the
// part: part - share * all, whose slope is none by what `share` is.
std::optional<GrowthShares::Interval> IntervalOf(
    double share, double anon_slope, const Samples& anon,
    const std::vector<std::pair<const Samples*, double>>& terms) {
  Epoch rest;
  const Samples& clock = *terms.front().first;
  for (const Sample& s : clock) {
    std::optional<double> sum = At(anon, s.time_ns);
    if (sum) *sum *= -share;
    for (const auto& [samples, factor] : terms) {
      const auto value = At(*samples, s.time_ns);
      sum = sum && value ? std::optional<double>(*sum + factor * *value)
                         : std::nullopt;
    }
    if (!sum) continue;
    rest.push_back(
        {static_cast<double>(s.time_ns - clock.front().time_ns) / 1e9, *sum});
  }
  if (rest.size() < kFewestCensuses) return std::nullopt;
  const double half = HalfWidth(rest) / anon_slope;
  if (!std::isfinite(half)) return std::nullopt;
  return GrowthShares::Interval{share - half, share + half};
}

void Divide(const Parts& p, GrowthShares& shares) {
  const auto anon = MeanSlope(p.anon), live = MeanSlope(p.live);
  if (!anon || *anon <= 0 || !live) return;
  const auto free = MeanSlope(p.free);
  // Objects over 512 bytes, and the buffers of lists, dicts and strings, are
  // malloc's: a picture in a BytesIO is as much Python's as an instance.
  const auto malloc_python = MeanSlope(p.malloc_python);
  const auto malloc_free = MeanSlope(p.malloc_free);
  std::vector<std::pair<const Samples*, double>> python = {{&p.live, 1}}, held;
  if (malloc_python) python.emplace_back(&p.malloc_python, 1);
  if (free) held.emplace_back(&p.free, 1);
  if (malloc_free) held.emplace_back(&p.malloc_free, 1);
  const auto interval = [&](double share, const auto& terms) {
    return IntervalOf(share, *anon, p.anon, terms);
  };
  shares = {};
  shares.python = (*live + malloc_python.value_or(0)) / *anon;
  shares.python_ci = interval(*shares.python, python);
  const double unused = free.value_or(0) + malloc_free.value_or(0);
  if (free) {
    shares.free = unused / *anon;
    shares.free_ci = interval(*shares.free, held);
  }
  // Where malloc's chunks are not read (musl, jemalloc) Python's large blocks
  // are in the rest, too.
  const double rest = 1 - *shares.python - unused / *anon;
  if (!malloc_python && rest >= kLittle) return;
  shares.native = rest;
  std::vector<std::pair<const Samples*, double>> others = python;
  others.insert(others.end(), held.begin(), held.end());
  if (const auto mirror = interval(1 - rest, others)) {
    shares.native_ci = {1 - (*mirror)[1], 1 - (*mirror)[0]};
  }
}

}  // namespace

absl::Status ReadShares(const FleetReader& reader, int64_t now_ns,
                        Incident& incident) {
  if (incident.processes.empty() || !incident.processes.front().leaking) {
    return absl::OkStatus();
  }
  const int64_t window =
      std::max(kLeastWindowNs, static_cast<int64_t>(incident.window_s * 1e9));
  // A busy node takes a census each ten or twenty minutes: an hour has too few.
  Parts parts;
  for (const int64_t times : {int64_t{1}, int64_t{2}, kMostWindows}) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        parts, ReadParts(reader, incident.processes.front().process,
                         now_ns - times * window, now_ns + 1));
    if (parts.live.size() >= kFewestCensuses) break;
  }
  Divide(parts, incident.shares);
  return absl::OkStatus();
}

}  // namespace plimsoll::collector
