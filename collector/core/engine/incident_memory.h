// What is remembered of open incidents from tick to tick and not stored: when
// each was last seen to grow, when its words were last made, how long nothing
// was heard of it. Analysis thread only.
#ifndef PLIMSOLL_COLLECTOR_CORE_ENGINE_INCIDENT_MEMORY_H_
#define PLIMSOLL_COLLECTOR_CORE_ENGINE_INCIDENT_MEMORY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collector/core/engine/lifecycle.h"
#include "collector/core/growth/process_table.h"
#include "collector/core/incident/incident.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

class IncidentMemory {
 public:
  // At each tick, first. A clock that is set moves no deadline: returns by how
  // much it was set, 0 when it was not. Ticks come each second; past a minute
  // the clock was set or the machine slept.
  int64_t FollowClock(int64_t now_ns);

  void Grew(const std::string& id, int64_t when_ns);
  void Refreshed(const std::string& id, int64_t now_ns);
  int64_t last_refresh_ns(const std::string& id) const;
  void Forget(const std::string& id) { entries_.erase(id); }

  // Of this tick.
  IncidentFacts FactsOf(const Incident& incident,
                        const std::vector<ProcessTrend>& trends,
                        const Thresholds& thresholds);

 private:
  struct Entry {
    int64_t last_growing_ns = 0, last_refresh_ns = 0;
    int64_t heard_ns = 0;  // of the newest sample of a leaking process
    double silent_s = 0;   // since it came, jumps of the clock left out
  };
  std::map<std::string, Entry> entries_;  // by incident id
  int64_t last_tick_ns_ = 0;
  double since_last_tick_s_ = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_ENGINE_INCIDENT_MEMORY_H_
