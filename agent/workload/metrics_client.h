// GET of a process' /metrics by libcurl, over plain HTTP, to an address and a
// port in numbers: no name is looked up, no proxy used, no redirect followed,
// and no credentials are sent. At most kMostAnswerBytes in kAnswerTimeoutNs.
// Blocks for that long: not for the loop. Used by one thread; `stop` may be set
// by another and ends a request within a second.
#ifndef PLIMSOLL_AGENT_WORKLOAD_METRICS_CLIENT_H_
#define PLIMSOLL_AGENT_WORKLOAD_METRICS_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace plimsoll::workload {

inline constexpr int64_t kAnswerTimeoutNs = 2'000'000'000;
inline constexpr size_t kMostAnswerBytes = size_t{4} << 20;

struct MetricsAnswer {
  std::string content_type;  // "" when it says none
  std::string body;
};

class MetricsClient {
 public:
  explicit MetricsClient(const std::atomic<bool>* stop,
                         int64_t timeout_ns = kAnswerTimeoutNs);
  ~MetricsClient();
  MetricsClient(const MetricsClient&) = delete;
  MetricsClient& operator=(const MetricsClient&) = delete;

  // `address` is IPv4's or IPv6's in numbers. kUnavailable: no answer, or one
  // that is not 200 (a redirect is named as such). kOutOfRange: too
  // large. kInvalidArgument: no such address.
  absl::StatusOr<MetricsAnswer> Get(const std::string& address, int port,
                                    const std::string& path);

 private:
  const std::atomic<bool>* const stop_;
  const int64_t timeout_ns_;
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace plimsoll::workload

#endif  // PLIMSOLL_AGENT_WORKLOAD_METRICS_CLIENT_H_
