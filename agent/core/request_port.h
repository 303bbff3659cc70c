// Where a process' request counters can be asked for, and the port that asks:
// /metrics of its own, or the statistics of its uWSGI. Plain values; all calls
// are made on the agent's loop thread and all answers come back on it.
#ifndef PLIMSOLL_AGENT_CORE_REQUEST_PORT_H_
#define PLIMSOLL_AGENT_CORE_REQUEST_PORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "agent/core/process.h"
#include "agent/core/snapshot.h"

namespace plimsoll::core {

struct MetricsEndpoint {
  int port = 0;  // 0: the only one that the process listens on
  std::string path = "/metrics";
  friend bool operator==(const MetricsEndpoint&,
                         const MetricsEndpoint&) = default;
};

// Of texts as pods' annotations prometheus.io/scheme, port and path have them;
// "" each takes what is usual. kUnimplemented: https. kInvalidArgument names
// what is no port or no path.
absl::StatusOr<MetricsEndpoint> ParseMetricsEndpoint(std::string_view scheme,
                                                     std::string_view port,
                                                     std::string_view path);

struct RequestQuestion {
  ProcessId id;
  int32_t namespace_pid = 0;               // in its own PID namespace
  double start_s = 0;                      // since boot
  double start_unix_s = 0;                 // about the same moment
  std::optional<MetricsEndpoint> metrics;  // asked first, if at all
  bool uwsgi = false;                      // it is one, or a rule says so
  std::string uwsgi_address;  // "": as its command line or ini file says
  std::string pod_ip;         // "": in no pod that is known
};

struct RequestAnswer {
  RequestCounts counts;  // filtered
  // What the answer says of who gave it; absent where it does not.
  std::optional<double> start_unix_s;          // process_start_time_seconds
  std::optional<int32_t> answering_pid;        // process_pid
  std::optional<double> first_created_unix_s;  // the least X_created
  // Others that may have answered in its place: they listen on that port too.
  int sharers = 0;
  int twins = 0;  // of these: whose start cannot be told from its own
};

// Failures: kNotFound the process is gone, or has no such counters;
// kFailedPrecondition it cannot be asked, with the reason in words;
// kUnavailable it did not answer; kInvalidArgument it answered something else;
// kOutOfRange the answer was too large; kResourceExhausted the agent's budget
// for asking is spent.
class RequestPort {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<RequestAnswer>)>;
  RequestPort() = default;
  RequestPort(const RequestPort&) = delete;
  RequestPort& operator=(const RequestPort&) = delete;
  virtual ~RequestPort() = default;
  // Does not block; `done` comes once.
  virtual void Ask(RequestQuestion question, Done done) = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_REQUEST_PORT_H_
