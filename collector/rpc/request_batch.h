// Request counts that the collector has got itself, as the agent of these
// processes would have sent them: so they take the same way into the store,
// with its journal and its checks. Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_RPC_REQUEST_BATCH_H_
#define PLIMSOLL_COLLECTOR_RPC_REQUEST_BATCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "collector/core/history/pod_counts.h"

namespace plimsoll::collector::rpc {

struct RequestBatch {
  uint64_t seq = 0;
  std::string boot_id;
  int64_t boottime_ns = 0;                 // of the counts, on the node's clock
  int64_t wall_offset_ns = 0;              // unix time less that
  std::string source;                      // "prometheus"
  std::vector<ProcessRequests> processes;  // all of that boot
};

// The bytes of a plimsoll.v1.NodeMessage, for DecodeBatch.
std::string EncodeRequestBatch(const RequestBatch& batch);

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_REQUEST_BATCH_H_
