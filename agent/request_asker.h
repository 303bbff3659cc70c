// RequestAsker answers where a process' request counters are and what they say
// now: finds the port among those that it listens on itself, chooses the
// address, asks, parses and filters. It connects to nothing but a socket that
// the process (or the uWSGI master it was forked from) has open: a command line
// or an annotation cannot send it elsewhere. Blocks for some seconds at most;
// one thread, not the loop's. Failures are those of core::RequestPort.
#ifndef PLIMSOLL_AGENT_REQUEST_ASKER_H_
#define PLIMSOLL_AGENT_REQUEST_ASKER_H_

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/request_port.h"
#include "agent/procfs/listening_sockets.h"
#include "agent/procfs/proc_root.h"
#include "agent/workload/metrics_client.h"
#include "agent/workload/request_filter.h"
#include "agent/workload/uwsgi_stats.h"

namespace plimsoll::agent {

class RequestAsker {
 public:
  // `stop` may be set by another thread and ends a request in flight.
  RequestAsker(procfs::ProcRoot proc, workload::RequestFilter filter,
               const std::atomic<bool>* stop,
               int64_t timeout_ns = workload::kAnswerTimeoutNs);

  absl::StatusOr<core::RequestAnswer> Ask(
      const core::RequestQuestion& question);

 private:
  struct Place {
    std::string address;
    int port = 0;
    int sharers = 0;
    int twins = 0;
  };
  struct Stats {
    workload::StatsAddress address;
    bool http = false;
  };
  absl::Status CheckAlive(const core::ProcessId& id) const;
  absl::StatusOr<core::RequestAnswer> AskMetrics(
      const core::RequestQuestion& question);
  absl::StatusOr<core::RequestAnswer> AskUwsgi(
      const core::RequestQuestion& question);
  absl::StatusOr<Place> FindPlace(const core::RequestQuestion& question,
                                  int port) const;
  absl::StatusOr<std::string> AddressOf(
      const core::RequestQuestion& question,
      const std::vector<procfs::ListeningSocket>& own) const;
  absl::StatusOr<bool> InOwnNamespace(int32_t pid) const;
  absl::StatusOr<Stats> FindStats(const core::RequestQuestion& question) const;
  absl::StatusOr<std::string> ReadStats(const core::RequestQuestion& question,
                                        const Stats& stats) const;

  const procfs::ProcRoot proc_;
  const workload::RequestFilter filter_;
  const int64_t timeout_ns_;
  workload::MetricsClient client_;
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_REQUEST_ASKER_H_
