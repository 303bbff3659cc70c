// CounterContinuity judges whether the answers to GET /metrics go on from one
// another, as those of one process do. Behind one port several workers may
// listen, and any of them answers: then each answer holds the counters of
// another, and nothing can be said of this process. Pure; one owner, one
// thread. One for each life of a process.
#ifndef PLIMSOLL_AGENT_WORKLOAD_COUNTER_CONTINUITY_H_
#define PLIMSOLL_AGENT_WORKLOAD_COUNTER_CONTINUITY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/core/request_port.h"

namespace plimsoll::workload {

class CounterContinuity {
 public:
  // Of the process that is asked: its pid in its namespace, when it started
  // since boot, and about when that was, both in seconds.
  CounterContinuity(int32_t namespace_pid, double start_s, double start_unix_s)
      : namespace_pid_(namespace_pid),
        start_s_(start_s),
        start_unix_s_(start_unix_s) {}

  // OK: the answer may be used. kUnavailable: a count fell, which one reset by
  // the service explains as well as another worker: wait. kFailedPrecondition:
  // they are of several processes; so it stays for the life of the process.
  absl::Status Check(const core::RequestAnswer& answer);

 private:
  struct Level {
    double last = 0;
    double fallen_from = -1;  // < 0: it has not fallen, or got over it
    double fallen_to = 0;
  };

  std::string WhyAnother(const core::RequestAnswer& answer) const;
  std::string CheckLevels(const core::RequestAnswer& answer);
  bool IsOwnStart(double answered_unix_s) const;

  const int32_t namespace_pid_;
  const double start_s_;
  const double start_unix_s_;
  std::string refusal_;  // "": none yet
  std::optional<double> answered_start_;
  std::optional<double> first_created_;
  std::map<uint64_t, Level> levels_;  // by hash of metric and attributes
  int falls_ = 0;                     // answers in which a count fell
  int wait_ = 0;      // answers until a fall is believed a reset
  std::string fall_;  // the last, in words
};

}  // namespace plimsoll::workload

#endif  // PLIMSOLL_AGENT_WORKLOAD_COUNTER_CONTINUITY_H_
