#include "tests/bench/verdict/traced.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/bench/verdict/process_model.h"

namespace plimsoll::bench {
namespace {

constexpr double kHour_s = 3600, kDay_s = 86400;
constexpr double kLimitOverMost = 1.5;
constexpr double kCovered = 0.9;  // of the hours
constexpr double kArrivals_s = 20;

struct Point {
  double t_s, bytes;
};

std::vector<Point> ReadPoints(const std::string& file, double scrape_s) {
  std::vector<Point> points;
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    Point p{};
    if (std::sscanf(line.c_str(), "%lf,%lf", &p.t_s, &p.bytes) != 2) continue;
    if (p.bytes < 0) continue;
    if (!points.empty() && p.t_s < points.back().t_s + 0.9 * scrape_s) continue;
    points.push_back(p);
  }
  return points;
}

// Bytes that are leaked in `dt_s`.
double LeakIn(double dt_s, double bytes_per_s, double tail, Random& random) {
  if (tail <= 0) {
    return bytes_per_s * dt_s *
           std::max(0.0, 1 + 0.3 * std::normal_distribution<double>()(random));
  }
  const int arrivals =
      std::poisson_distribution<int>(dt_s / kArrivals_s)(random);
  double bytes = 0;
  for (int i = 0; i < arrivals; ++i) {
    bytes += bytes_per_s * kArrivals_s * ParetoSize(tail, random);
  }
  return bytes;
}

// One window as a pod.
MadeWorkload Lay(const std::string& name, const Point* first, const Point* past,
                 const TraceOptions& options, Random& random) {
  MadeWorkload w;
  w.name = name;
  double most = 0;
  for (const Point* p = first; p < past; ++p) most = std::max(most, p->bytes);
  w.limit_bytes = kLimitOverMost * most;
  const bool young = Uniform(random, 0, 1) < 0.5;
  const double older_s = Uniform(random, 3, 30) * kDay_s;
  const double late_s = Uniform(random, 0, 12) * kHour_s;
  const double percent = LogUniform(random, 0.15, 20);
  const double tail =
      Uniform(random, 0, 1) < 0.5 ? Uniform(random, 1.5, 2.5) : 0;
  if (Uniform(random, 0, 1) < options.leaking_share) {
    w.leak = tail > 0 ? Leak::kPerRequest : Leak::kPerTime;
    w.leak_percent_per_h = percent;
    w.leak_from_s = young ? 0 : late_s;
  }
  PodLife life;
  life.pod = w.name + "-0";
  life.version = "v1";
  life.start_s = young ? 0 : -older_s;
  double leaked = 0, before_s = 0;
  for (const Point* p = first; p < past; ++p) {
    const double t = p->t_s - first->t_s;
    if (w.leak != Leak::kNone && t > w.leak_from_s) {
      leaked += LeakIn(t - std::max(before_s, w.leak_from_s),
                       percent / 100 * w.limit_bytes / kHour_s, tail, random);
    }
    before_s = t;
    if (p->bytes + leaked >= w.limit_bytes) {
      life.killed = true;
      break;
    }
    life.ticks.push_back({t, static_cast<float>(p->bytes + leaked),
                          static_cast<float>(leaked),
                          static_cast<float>(p->bytes), kNoCensus});
    life.requests.emplace_back();
  }
  w.lives.push_back(std::move(life));
  return w;
}

bool IsCoveredWindow(const Point* first, const Point* past, double window_h) {
  std::set<int> hours;
  for (const Point* p = first; p < past; ++p) {
    hours.insert(static_cast<int>((p->t_s - first->t_s) / kHour_s));
  }
  return static_cast<double>(hours.size()) >= kCovered * window_h;
}

}  // namespace

std::vector<MadeWorkload> ReadTraces(const std::vector<std::string>& files,
                                     const TraceOptions& options) {
  Random random(options.seed);
  std::vector<MadeWorkload> fleet;
  for (const std::string& file : files) {
    const std::vector<Point> points = ReadPoints(file, options.scrape_s);
    std::string name = std::filesystem::path(file).stem().string();
    std::replace(name.begin(), name.end(), '_', '-');
    size_t from = 0;
    for (int window = 0; from < points.size(); ++window) {
      const double end_s = points[from].t_s + options.window_h * kHour_s;
      size_t to = from;
      while (to < points.size() && points[to].t_s < end_s) ++to;
      const Point* first = points.data() + from;
      const Point* past = points.data() + to;
      if (IsCoveredWindow(first, past, options.window_h)) {
        MadeWorkload w = Lay(name + "-w" + std::to_string(window), first, past,
                             options, random);
        if (!w.lives.front().ticks.empty()) fleet.push_back(std::move(w));
      }
      from = to;
    }
  }
  return fleet;
}

}  // namespace plimsoll::bench
