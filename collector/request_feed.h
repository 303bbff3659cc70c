// Between the collector's own sources of request counts and the store: which
// processes want counts, and how counts become a batch of their agent. Called
// from the source's thread.
#ifndef PLIMSOLL_COLLECTOR_REQUEST_FEED_H_
#define PLIMSOLL_COLLECTOR_REQUEST_FEED_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "collector/core/history/pod_counts.h"
#include "collector/store/store.h"

namespace plimsoll::collector {

class RequestFeed {
 public:
  // `source` names it, in documents and as a spool of each agent.
  RequestFeed(store::Store* store, std::string source)
      : store_(store), source_(std::move(source)) {}

  // Of these pods, by name, the processes that are measured now and whose
  // requests no agent counts.
  std::vector<ProcessInfo> Wanting(const std::set<std::string>& pods,
                                   int64_t now_ns);

  // Stores them as of `unix_ns`; what was measured is not touched. The first
  // error of an agent's batch; the others are stored.
  absl::Status Deliver(const std::vector<ProcessRequests>& served,
                       int64_t unix_ns);

 private:
  store::Store* const store_;
  const std::string source_;
  uint64_t last_seq_ = 0;
  // Hundreds of services export each minute: who there is is listed once in a
  // while, and only what is asked for is looked into.
  std::map<std::string, std::vector<ProcessInfo>> by_pod_;
  int64_t listed_at_ns_ = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_REQUEST_FEED_H_
