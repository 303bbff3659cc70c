// Levels of state that somebody else has measured, pod by pod: vehicles of each
// city, entries of a cache. Of one process; one thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_HISTORY_POD_GAUGES_H_
#define PLIMSOLL_COLLECTOR_CORE_HISTORY_POD_GAUGES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace plimsoll::collector {

using PodAttributes = std::map<std::string, std::string>;
// By the gauge's name and attributes.
using GaugeLevels = std::map<std::pair<std::string, PodAttributes>, double>;

// As the agent keeps them (agent/workload/request_filter.h): names in their
// order, values of a label those with the most; the rest is "__other__".
inline constexpr size_t kMostGauges = 8;
inline constexpr size_t kMostGaugeValues = 50;
GaugeLevels Capped(const GaugeLevels& levels);

class PodGauges {
 public:
  // `series` tells it from others of the same name and attributes, such as
  // those of other workers; they are added up. False: there are too many.
  bool Set(const std::string& series, const std::string& name,
           const PodAttributes& attributes, double level, int64_t now_ns);
  size_t series() const { return series_.size(); }
  // Capped. What was not told for a while is forgotten: a worker that ended, a
  // label set that its service has dropped.
  GaugeLevels Levels(int64_t now_ns);

 private:
  struct Level {
    std::string name;
    PodAttributes attributes;
    double value = 0;
    int64_t at_ns = 0;
  };
  std::map<std::string, Level> series_;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_HISTORY_POD_GAUGES_H_
