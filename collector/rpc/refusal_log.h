// Says which streams were refused, but not more often than a log bears: a fleet
// whose certificate has run out knocks a hundred times a second. What was not
// said is counted in the next line. Any thread.
#ifndef PLIMSOLL_COLLECTOR_RPC_REFUSAL_LOG_H_
#define PLIMSOLL_COLLECTOR_RPC_REFUSAL_LOG_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "collector/core/ingest/token_bucket.h"

namespace plimsoll::collector::rpc {

class RefusalLog {
 public:
  explicit RefusalLog(std::function<int64_t()> now_ns)
      : now_ns_(std::move(now_ns)),
        bucket_({.per_s = 0.5, .burst = 20}, now_ns_()) {}

  // nullopt: not now. Else how many were not said since the last one.
  std::optional<int64_t> Take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    const int64_t now = now_ns_();
    if (bucket_.WaitNs(now) > 0) {
      ++unsaid_;
      return std::nullopt;
    }
    bucket_.Take(1, now);
    return std::exchange(unsaid_, 0);
  }

 private:
  const std::function<int64_t()> now_ns_;
  std::mutex mutex_;
  TokenBucket bucket_;
  int64_t unsaid_ = 0;
};

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_REFUSAL_LOG_H_
