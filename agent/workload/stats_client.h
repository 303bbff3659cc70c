// Reads what a stats server says: connects, sends nothing (or one request of
// HTTP, where it waits for that) and reads until it closes. At most
// kMostAnswerBytes in the time given. Blocks for that long: not for the loop.
// Holds no state; any thread.
//
// Errors: kFailedPrecondition another process' socket; kUnavailable nobody
// listens, or no end in time; kNotFound no such socket; kOutOfRange too large;
// else errno's.
#ifndef PLIMSOLL_AGENT_WORKLOAD_STATS_CLIENT_H_
#define PLIMSOLL_AGENT_WORKLOAD_STATS_CLIENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/workload/metrics_client.h"

namespace plimsoll::workload {

struct StatsReadOptions {
  bool http = false;
  int64_t timeout_ns = kAnswerTimeoutNs;
  // Of a unix socket: who may have made it listen. Another's is refused before
  // anything is sent, since a path may lead to any socket of the target's.
  // Empty: anybody.
  std::vector<int32_t> owners{};
};

// A socket file as a process sees it whose root directory is `root`: its links
// do not lead out of there.
absl::StatusOr<std::string> ReadUnixStats(const std::string& root,
                                          const std::string& path,
                                          const StatsReadOptions& options);
// A name of the agent's own network namespace, without its leading NUL.
absl::StatusOr<std::string> ReadAbstractStats(const std::string& name,
                                              const StatsReadOptions& options);
// `address` is IPv4's or IPv6's in numbers.
absl::StatusOr<std::string> ReadTcpStats(const std::string& address, int port,
                                         const StatsReadOptions& options);

}  // namespace plimsoll::workload

#endif  // PLIMSOLL_AGENT_WORKLOAD_STATS_CLIENT_H_
