// Asks the user's own Prometheus, again and again, how many requests each pod
// has served by attributes, on a thread of its own. For services whose counters
// a node cannot read, or shall not.
//
// A look that fails is logged when the first of a row does, and costs that
// look: counts are cumulative.
#ifndef PLIMSOLL_COLLECTOR_REQUESTS_PROMETHEUS_SOURCE_H_
#define PLIMSOLL_COLLECTOR_REQUESTS_PROMETHEUS_SOURCE_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/history/pod_counts.h"
#include "collector/core/ingest/request_source_status.h"
#include "collector/requests/prometheus_vector.h"

namespace plimsoll::collector::net {
class HttpExchange;
}

namespace plimsoll::collector::requests {

struct PrometheusSourceOptions {
  std::string url;  // http://prometheus:9090
  // Instant vectors with the labels namespace and pod: of counters, and of
  // gauges. "": not asked.
  std::string query, gauges_query;
  std::string token_file;  // shown as a bearer token; "": none
  int64_t period_ns = 30'000'000'000;
  int64_t request_timeout_ns = 10'000'000'000;
  std::function<int64_t()> unix_now_ns;
  // Of pods, by name: processes that live and whose requests no agent counts.
  std::function<std::vector<ProcessInfo>(const std::set<std::string>& pods)>
      processes;
  // Called after each look, on the source's thread.
  std::function<absl::Status(const std::vector<ProcessRequests>&,
                             int64_t unix_ns)>
      deliver;
};

class PrometheusSource {
 public:
  explicit PrometheusSource(PrometheusSourceOptions options);
  ~PrometheusSource();  // ends a look in flight
  PrometheusSource(const PrometheusSource&) = delete;
  PrometheusSource& operator=(const PrometheusSource&) = delete;

  RequestSourceStatus Status() const;

 private:
  void Run();
  absl::Status Look(net::HttpExchange& http);
  using Read = absl::StatusOr<PodCounts> (*)(std::string_view);
  absl::StatusOr<PodCounts> Ask(net::HttpExchange& http,
                                const std::string& query, Read read) const;
  void Note(const absl::Status& status);

  const PrometheusSourceOptions options_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  RequestSourceStatus status_;  // guarded by mutex_
  PodCountLedger ledger_;       // the thread's
  std::thread thread_;
};

}  // namespace plimsoll::collector::requests

#endif  // PLIMSOLL_COLLECTOR_REQUESTS_PROMETHEUS_SOURCE_H_
