// Requests that somebody else has counted, pod by pod, made into counters of
// the processes that served them. A pod is all that such counts say: where
// several processes of it serve, each has an equal part, and a prefork master
// none.
//
// The counts of a pod are cumulative and may begin anew (a restart); those of a
// process begin at 0 where it is first seen, and take each step of its pod.
// One thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_POD_COUNTS_H_
#define PLIMSOLL_COLLECTOR_CORE_POD_COUNTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collector/core/fleet.h"

namespace plimsoll::collector {

struct PodCount {
  std::string cluster, container;  // "": not said, any fits
  std::string ns, pod;
  // Keys sorted: {{"city", "oslo"}, {"outcome", "ok"}}.
  std::map<std::string, std::string> attributes;
  double value = 0;
};

struct ProcessRequests {
  ProcessInfo process;
  std::map<std::map<std::string, std::string>, double> counts;
};

class PodCountLedger {
 public:
  // Takes one look at the counts. `processes`: those that live and whose
  // requests nobody else counts. Gives all of them that serve, with their
  // counters so far.
  std::vector<ProcessRequests> Take(const std::vector<PodCount>& counts,
                                    const std::vector<ProcessInfo>& processes);

  // Counts, of the last look, of pods that have no such process.
  int64_t unmatched() const { return unmatched_; }

 private:
  struct Seen {
    double value = 0;
    int64_t look = 0;
  };
  void Forget();

  std::map<std::string, Seen> seen_;  // by pod, container and attributes
  std::map<ProcessKey, ProcessRequests> served_;
  std::map<ProcessKey, int64_t> last_look_;  // of served_
  int64_t look_ = 0;
  int64_t unmatched_ = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_POD_COUNTS_H_
