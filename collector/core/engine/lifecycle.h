// When an incident fires and when it ends: Pending -> Firing -> Resolved, as a
// pure function of what is known, so that every edge has a row in a test.
#ifndef PLIMSOLL_COLLECTOR_CORE_ENGINE_LIFECYCLE_H_
#define PLIMSOLL_COLLECTOR_CORE_ENGINE_LIFECYCLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "collector/core/growth/process_table.h"
#include "collector/core/incident/incident.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

struct IncidentFacts {
  bool confirmed = false;  // by a rule, now
  int64_t last_growing_ns = 0;
  // When one of the leaking processes was last heard of, by the clock of its
  // samples; 0: none is alive. What is not heard of has not stopped growing.
  int64_t last_heard_ns = 0;
  // How long nothing was heard of them, by our own clock, jumps left out.
  double silent_s = 0;
  bool all_gone = false;    // every leaking process has ended
  bool oom_killed = false;  // one of them by the kernel
  bool evidence_arrived = false;
  bool evidence_possible = false;  // it was asked for and may still come
};

enum class Step : uint8_t {
  kStay,
  kFire,
  kResolve,
  kDrop,  // a suspicion that went away
};

struct Decision {
  Step step = Step::kStay;
  std::string reason;  // of kResolve and kDrop, for people
};

Decision Decide(const Incident& incident, const IncidentFacts& facts,
                const IncidentThresholds& thresholds, int64_t now_ns);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_ENGINE_LIFECYCLE_H_
