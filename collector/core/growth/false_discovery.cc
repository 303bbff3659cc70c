#include "collector/core/growth/false_discovery.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "collector/core/growth/growth_screen.h"

namespace plimsoll::collector {

double LeastZ(const std::vector<double>& zs, double rate, size_t tests) {
  std::vector<double> sorted = zs;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const double n = static_cast<double>(std::max(tests, sorted.size()));
  double bar = std::numeric_limits<double>::infinity();
  for (size_t k = 0; k < sorted.size(); ++k) {
    if (ChanceOf(sorted[k]) <= rate * static_cast<double>(k + 1) / n)
      bar = sorted[k];
  }
  return bar;
}

}  // namespace plimsoll::collector
