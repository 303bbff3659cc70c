#include "collector/core/stats/mean_slope.h"

#include <cmath>
#include <numbers>

namespace plimsoll::collector {

std::optional<double> MeanSlope(const std::vector<Sample>& samples) {
  if (samples.size() < 4) return std::nullopt;
  const int64_t first = samples.front().time_ns;
  const double span_s =
      static_cast<double>(samples.back().time_ns - first) / 1e9;
  if (span_s <= 0) return std::nullopt;
  // How much of the window lies before a time.
  const auto before = [&](const Sample& s) {
    const double x = static_cast<double>(s.time_ns - first) / 1e9 / span_s;
    return x - std::sin(2 * std::numbers::pi * x) / (2 * std::numbers::pi);
  };
  double slope = 0;
  const Sample* last = &samples.front();
  for (const Sample& s : samples) {
    const double dt_s = static_cast<double>(s.time_ns - last->time_ns) / 1e9;
    if (dt_s <= 0) continue;
    slope += (before(s) - before(*last)) * (s.value - last->value) / dt_s;
    last = &s;
  }
  return slope;
}

}  // namespace plimsoll::collector
