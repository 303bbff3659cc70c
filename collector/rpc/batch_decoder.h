// plimsoll.v1.NodeMessage bytes -> plain values, checked. The bytes come from
// the network: every count, index and size is bounded here and nowhere later.
//
//  - Bytes that do not parse, or hold no batch: an error; the caller counts.
//  - A bad part (a string index past the table, a negative size, too many
//    entries): that part alone is left out and counted INVALID_MESSAGE in
//    NodeBatch::refused. A snapshot without a usable identity or time is left
//    out whole. The others are not touched.
//  - A sample that says it was taken after its own batch was closed, by more
//    than a minute, is left out and counted FUTURE_TIMESTAMP. Whether the whole
//    node lives in the future is the store's to say, which knows its clock.
//  - Unknown enum values and fields of newer agents are tolerated.
// Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_RPC_BATCH_DECODER_H_
#define PLIMSOLL_COLLECTOR_RPC_BATCH_DECODER_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "collector/core/ingest/node_batch.h"

namespace plimsoll::collector::rpc {

inline constexpr int64_t kMaxBatchBytes = 4 << 20;

absl::StatusOr<NodeBatch> DecodeBatch(std::string_view node_message);

// The seq of a batch that does not parse as a whole, if its head can be read:
// such a batch is counted and acknowledged, or it would be sent for ever.
std::optional<uint64_t> PeekSeq(std::string_view node_message);

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_BATCH_DECODER_H_
