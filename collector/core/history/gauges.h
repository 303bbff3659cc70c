// Gauges that a service keeps with the attributes of its requests: state that
// is large or small now, such as the vehicles of each city. Their names stand
// beside those of request counts (request_counts.h) and cannot be taken for
// them: "~vehicles" is the sum of all, "~vehicles city=lima" what of it has
// that value, and pairs are "~vehicles city=lima,~vehicles kind=bus". Pure; any
// thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_HISTORY_GAUGES_H_
#define PLIMSOLL_COLLECTOR_CORE_HISTORY_GAUGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "collector/core/fleet.h"
#include "collector/core/history/request_counts.h"

namespace plimsoll::collector {

struct GaugeName {
  std::string metric;      // "vehicles"
  std::string attributes;  // "city=lima,kind=bus"; "": all of it
};

bool IsGauge(const std::string& name);
std::string ToString(const GaugeName& gauge);
GaugeName ParseGaugeName(const std::string& name);
// The sum of all, each value, each pair of them.
std::vector<std::string> NamesOfGauge(const std::string& name);

// Whether all that `child` counts is counted by `parent` too. A gauge is part
// of no request count.
bool IsPartOf(const std::string& child, const std::string& parent);
// As people read it: "any request", "city=lima", "gauge vehicles with
// city=lima".
std::string ShownName(const std::string& name);

// One label set's level at any time: linear between looks, its first and last
// value outside. A set that came later was zero at the look before, and one
// that is gone at the look after. `looks`: of all gauges of the process, in
// order.
class GaugeCurve {
 public:
  GaugeCurve(const std::vector<Sample>& samples,
             const std::vector<int64_t>& looks);
  double At(int64_t time_ns) const;

 private:
  std::vector<Sample> levels_;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_HISTORY_GAUGES_H_
