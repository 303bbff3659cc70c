// How much each agent may send: a bucket of bytes per agent id, kept over its
// streams, so that a new stream is no new burst. Who has used up his waits: the
// stream is not read meanwhile, and nothing is lost. Any thread.
#ifndef PLIMSOLL_COLLECTOR_RPC_RATE_BOOK_H_
#define PLIMSOLL_COLLECTOR_RPC_RATE_BOOK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "collector/core/ingest/token_bucket.h"

namespace plimsoll::collector::rpc {

class RateBook {
 public:
  RateBook(Rate bytes, std::function<int64_t()> now_ns)
      : rate_(bytes), now_ns_(std::move(now_ns)) {}

  // Notes that an agent has sent so much; nanoseconds for which it must not be
  // read, 0: none.
  int64_t Spend(const std::string& agent_id, size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const int64_t now = now_ns_();
    if (buckets_.size() > kMostAgents) {
      std::erase_if(buckets_,
                    [&](auto& entry) { return entry.second.full(now); });
    }
    TokenBucket& bucket =
        buckets_.try_emplace(agent_id, rate_, now).first->second;
    bucket.Take(static_cast<double>(bytes), now);
    return bucket.WaitNs(now);
  }

 private:
  static constexpr size_t kMostAgents = 20'000;
  const Rate rate_;
  const std::function<int64_t()> now_ns_;
  std::mutex mutex_;
  std::map<std::string, TokenBucket> buckets_;
};

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_RATE_BOOK_H_
