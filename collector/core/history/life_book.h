// Every life of every process that the full judgement knows of, by workload:
// those that are alive and, for two days, those that are over, since what an
// older sibling did at an age is what a younger one will do. Read from a
// FleetReader, only what is new at each tick. Not thread-safe.
#ifndef PLIMSOLL_COLLECTOR_CORE_HISTORY_LIFE_BOOK_H_
#define PLIMSOLL_COLLECTOR_CORE_HISTORY_LIFE_BOOK_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/core/fleet.h"
#include "collector/core/history/life_log.h"
#include "collector/core/history/siblings.h"
#include "collector/core/history/used_memory.h"
#include "collector/core/ports.h"

namespace plimsoll::collector {

struct KnownLife {
  ProcessInfo info;
  LifeLog log;   // of anonymous memory
  LifeLog used;  // of what of it is in use; empty without censuses
  UsedMemory used_memory;
  double limit_bytes = 0;  // newest; 0: none
  // Newest total of each label set of its request counter.
  std::map<std::string, Sample> requests;
  bool alive = true;
};

// The lives of one workload; known[i] is lives[i].
struct WorkloadLives {
  std::vector<KnownLife> known;
  std::vector<WorkloadLife> lives;  // by anonymous memory
  std::vector<WorkloadLife> used;   // the same ones by the bytes in use
};

class LifeBook {
 public:
  // The first error of the reader; the others were read.
  absl::Status Update(const FleetReader& reader, int64_t now_ns);
  std::map<WorkloadName, WorkloadLives>& workloads() { return workloads_; }

 private:
  absl::Status Read(const FleetReader& reader, const ProcessInfo& info,
                    int64_t now_ns);
  void Retire(int64_t now_ns);

  std::map<WorkloadName, WorkloadLives> workloads_;
  bool read_before_ = false;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_HISTORY_LIFE_BOOK_H_
