// A number with its 95 % interval. lo <= value <= hi; where an interval could
// not be had the bounds are infinite, never equal to the value by default.
#ifndef PLIMSOLL_COLLECTOR_CORE_ESTIMATE_H_
#define PLIMSOLL_COLLECTOR_CORE_ESTIMATE_H_

#include <limits>

namespace plimsoll::collector {

struct Estimate {
  double value = 0;
  double lo = -std::numeric_limits<double>::infinity();
  double hi = std::numeric_limits<double>::infinity();
  friend bool operator==(const Estimate&, const Estimate&) = default;
};

// Seconds until memory meets its limit. `hi` is infinite when the slope's
// interval holds zero: it may never happen.
struct TimeToLimit {
  double lo_s = 0;
  double hi_s = std::numeric_limits<double>::infinity();
  friend bool operator==(const TimeToLimit&, const TimeToLimit&) = default;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_ESTIMATE_H_
