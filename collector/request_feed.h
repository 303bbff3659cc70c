// Between the collector's own sources of request counts and the store: which
// processes want counts, and how counts become a batch of their agent. Called
// from the source's thread.
#ifndef PLIMSOLL_COLLECTOR_REQUEST_FEED_H_
#define PLIMSOLL_COLLECTOR_REQUEST_FEED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/core/pod_counts.h"
#include "collector/store/store.h"

namespace plimsoll::collector {

class RequestFeed {
 public:
  // `source` names it, in documents and as a spool of each agent.
  RequestFeed(store::Store* store, std::string source)
      : store_(store), source_(std::move(source)) {}

  // Those of pods that are measured now and whose requests no agent counts.
  std::vector<ProcessInfo> Wanting(int64_t now_ns) const;

  // Stores them as of `unix_ns`; what was measured is not touched. The first
  // error of an agent's batch; the others are stored.
  absl::Status Deliver(const std::vector<ProcessRequests>& served,
                       int64_t unix_ns);

 private:
  store::Store* const store_;
  const std::string source_;
  uint64_t last_seq_ = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_REQUEST_FEED_H_
