// MetricsServer answers GET /metrics and GET /healthz over HTTP/1.1 on its own
// thread, from a text that the loop renders now and then, so that a scrape can
// never wait for the loop or hold it up.
#ifndef PLIMSOLL_AGENT_METRICS_SERVER_H_
#define PLIMSOLL_AGENT_METRICS_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace plimsoll::agent {

class MetricsServer {
 public:
  // `listen` is HOST:PORT. kUnavailable when it cannot be bound, with the
  // reason.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& listen);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // From any thread. `unhealthy` empty: /healthz answers 200; else 503 with it,
  // as it does when nothing was published for a minute.
  void Publish(std::string metrics, std::string unhealthy);
  int port() const;

 private:
  class Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_METRICS_SERVER_H_
