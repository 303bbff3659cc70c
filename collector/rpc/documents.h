// The JSON of documents: what the store keeps of a tier's newest full state and
// of evidence, and what the API shows. Keys are the proto's field names with
// string-table indices replaced by their strings ("type", "function"); absent
// optionals are left out; `coverage` is always an object with `method`.
//
//   memory   rss_bytes ... cgroup{path, version, current_bytes, limit_bytes?..}
//   gc       source, enabled?, frozen_objects?, thresholds[],
//            generations[{generation, collections, ...}]
//   pymalloc arenas, arena_bytes, size_classes[{block_bytes, blocks_live, ...}]
//   census   types[{type, objects, bytes}], other_*, unknown_*, coverage
//   requests source, reliable, counts[{metric, attributes{}, value, gauge}]
//   stacks   kind, stacks[{type, allocations, ..., frames[{function, file,
//            line, module, native}]}], balance[], refusal, coverage
//   holders  type, paths[{share, retained_bytes, path[]}], kept_at[], coverage
//
// Each fails with InvalidArgument on a negative size, an index out of range or
// too many entries. Private to collector/rpc.
#ifndef PLIMSOLL_COLLECTOR_RPC_DOCUMENTS_H_
#define PLIMSOLL_COLLECTOR_RPC_DOCUMENTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "collector/rpc/snapshot_decoder.h"

namespace plimsoll::collector::rpc {

absl::StatusOr<std::string> MemoryDocument(const v1::MemorySample& memory);
absl::StatusOr<std::string> GcDocument(const v1::GcSample& gc);
absl::StatusOr<std::string> PymallocDocument(const v1::PymallocSample& sample);
absl::StatusOr<std::string> CensusDocument(const v1::TypeCensus& census,
                                           const StringTable& strings);
absl::StatusOr<std::string> RequestsDocument(const v1::RequestCounts& requests,
                                             const StringTable& strings);
absl::StatusOr<std::string> StacksDocument(const v1::StackProfile& profile,
                                           const StringTable& strings);
absl::StatusOr<std::string> HoldersDocument(const v1::HolderGraph& graph,
                                            const StringTable& strings);

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_DOCUMENTS_H_
