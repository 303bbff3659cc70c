// One plimsoll.v1.Snapshot -> NodeSnapshot: numbers as series, full states and
// evidence as documents. Private to collector/rpc; see batch_decoder.h for the
// rules.
#ifndef PLIMSOLL_COLLECTOR_RPC_SNAPSHOT_DECODER_H_
#define PLIMSOLL_COLLECTOR_RPC_SNAPSHOT_DECODER_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/ingest/node_batch.h"
#include "plimsoll/v1/snapshot.pb.h"

namespace plimsoll::collector::rpc {

// The batch's string table, with its bounds.
class StringTable {
 public:
  using Strings = google::protobuf::RepeatedPtrField<std::string>;
  explicit StringTable(const Strings& strings) : strings_(strings) {}
  bool Has(uint32_t index) const {
    return index == 0 || index < static_cast<uint32_t>(strings_.size());
  }
  // Only after Has.
  std::string_view operator[](uint32_t index) const {
    return index < static_cast<uint32_t>(strings_.size())
               ? std::string_view(strings_[static_cast<int>(index)])
               : std::string_view();
  }

 private:
  const Strings& strings_;
};

TierState DecodeTier(const v1::TierStatus& status);

// Refused parts are added to batch->refused. `batch` owns composed strings.
NodeSnapshot DecodeSnapshot(const v1::Snapshot& snapshot,
                            const StringTable& strings, NodeBatch* batch);

void Refuse(plimsoll_drop_reason reason, NodeBatch* batch);

// Tier 7, in request_decoder.cc. Appends the counters' series to `out`.
absl::Status DecodeRequests(const v1::RequestCounts& requests,
                            const StringTable& strings, NodeBatch* batch,
                            NodeSnapshot* out);

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_SNAPSHOT_DECODER_H_
