// Requests that somebody else has counted, pod by pod, made into counters of
// the processes that served them. A pod is all that such counts say: where
// several processes of it serve, each has an equal part, and a prefork master
// none.
//
// The counts of a pod are cumulative and may begin anew (a restart). What it
// had served before its first look is nobody's; a counter that comes later
// began between two looks. Those of a process take each step of its pod. A
// gauge is shared out alike. One thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_HISTORY_POD_COUNTS_H_
#define PLIMSOLL_COLLECTOR_CORE_HISTORY_POD_COUNTS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "collector/core/fleet.h"
#include "collector/core/history/pod_gauges.h"

namespace plimsoll::collector {

struct PodCount {
  std::string cluster, container;  // "": not said, any fits
  std::string ns, pod;
  // Keys sorted: {{"city", "oslo"}, {"outcome", "ok"}}.
  std::map<std::string, std::string> attributes;
  // What tells it from other counters of the same pod and attributes; "": it is
  // the only one.
  std::string series;
  // The name of state that is large or small now, such as "vehicles"; "": it
  // counts requests. Of such the value may be below zero.
  std::string gauge = {};
  double value = 0;
  bool is_step = false;  // since the one before, not since a beginning
};

struct ProcessRequests {
  ProcessInfo process;
  std::map<std::map<std::string, std::string>, double> counts;
  GaugeLevels gauges = {};  // now, of all that was told of late
};

// The names of their pods.
std::set<std::string> PodsOf(const std::vector<PodCount>& counts);

class PodCountLedger {
 public:
  // Takes one look at the counts, of some pods or all. `processes`: those that
  // live and whose requests nobody else counts. Gives those of them that these
  // pods' counts are of, with their counters so far.
  std::vector<ProcessRequests> Take(const std::vector<PodCount>& counts,
                                    const std::vector<ProcessInfo>& processes,
                                    int64_t now_ns);

  // Counts, of the last look, of pods that have no such process.
  int64_t unmatched() const { return unmatched_; }

 private:
  struct Pod {
    std::map<std::string, double> counters;  // by attributes and series
    int64_t first_look = 0;
    int64_t at_ns = 0;
  };
  struct Served {
    ProcessRequests requests;
    PodGauges gauges;
    int64_t at_ns = 0;
    int64_t look = 0;
  };
  using Serving = std::vector<const ProcessInfo*>;
  void TakeCount(const PodCount& count, const Serving& serving, int64_t now_ns);
  void TakeGauge(const PodCount& gauge, const Serving& serving, int64_t now_ns);
  Served& ServedBy(const ProcessInfo& process, int64_t now_ns);
  void Forget(int64_t now_ns);

  std::map<std::string, Pod> pods_;  // by cluster, namespace, name, container
  size_t counters_ = 0;              // of all pods
  size_t gauges_ = 0;  // series of all processes, at the last look
  std::map<ProcessKey, Served> served_;
  int64_t look_ = 0;
  int64_t unmatched_ = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_HISTORY_POD_COUNTS_H_
