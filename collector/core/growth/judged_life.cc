#include "collector/core/growth/judged_life.h"

#include <algorithm>
#include <cmath>

namespace plimsoll::collector {
namespace {

// Imports and the first requests are over by then; also after a restart.
constexpr int64_t kSettleNs = 600'000'000'000;

}  // namespace

double JudgedLife::age_s() const {
  return static_cast<double>(now_ns - life().start_ns) / 1e9;
}

double JudgedLife::limit() const {
  const double own = input.limit_bytes.value_or(0);
  return own > 0 ? own : thresholds.assumed_limit_bytes;
}

double JudgedLife::left(double level) const {
  const bool own = input.limit_bytes.value_or(0) > 0;
  const double bytes = !own && input.node_available_bytes
                           ? *input.node_available_bytes
                           : limit() - level;
  return std::max(0.0, bytes);
}

Floors JudgedLife::Last(double span_s) const {
  Floors out;
  // Requests are kept with the memory: those up to each floor.
  auto served = anon().blocks.begin();
  const int64_t from = std::max(now_ns - static_cast<int64_t>(span_s * 1e9),
                                life().start_ns + kSettleNs);
  for (const MemoryBlock& b : life().blocks) {
    if (b.time_ns >= from && b.time_ns <= now_ns) {
      out.points.push_back(
          {static_cast<double>(b.time_ns - from) / 1e9, b.floor});
      double requests = 0;
      while (served != anon().blocks.end() && served->time_ns <= b.time_ns) {
        requests += served++->requests;
      }
      out.requests.push_back(requests);
    }
  }
  return out;
}

double JudgedLife::PeaksAboveFloors(double span_s) const {
  std::vector<double> above;
  const int64_t from = now_ns - static_cast<int64_t>(span_s * 1e9);
  for (const MemoryBlock& b : anon().blocks) {
    if (b.time_ns >= from) above.push_back(b.peak - b.floor);
  }
  if (above.empty()) return 0;
  const auto rank =
      above.begin() + static_cast<std::ptrdiff_t>(above.size() * 95 / 100);
  std::nth_element(above.begin(), rank, above.end());
  return *rank;
}

std::optional<TimeToLimit> JudgedLife::TimeOf(const Estimate& bytes_per_s,
                                              double above) const {
  const bool own = input.limit_bytes.value_or(0) > 0;
  if (bytes_per_s.hi <= 0 || (!own && !input.node_available_bytes)) {
    return std::nullopt;
  }
  // The kill comes at the peak of the saw, not at its floor.
  const double peak = anon().blocks.back().floor + above;
  const double usage = std::max(peak, input.usage_bytes.value_or(0));
  const double room =
      own ? *input.limit_bytes - usage : *input.node_available_bytes;
  const double headroom = std::max(0.0, room);
  TimeToLimit time;
  time.lo_s = headroom / bytes_per_s.hi;
  if (bytes_per_s.lo > 0) time.hi_s = headroom / bytes_per_s.lo;
  return time;
}

}  // namespace plimsoll::collector
