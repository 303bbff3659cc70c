// One batch of a node as plain values: what collector/rpc decodes and
// collector/store keeps. No protobuf in here. Times are nanoseconds of the
// node's CLOCK_BOOTTIME; the store maps them to unix time.
#ifndef PLIMSOLL_COLLECTOR_CORE_INGEST_NODE_BATCH_H_
#define PLIMSOLL_COLLECTOR_CORE_INGEST_NODE_BATCH_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/core/fleet.h"
#include "plimsoll/drop_reasons.h"

namespace plimsoll::collector {

struct NodeHello {
  std::string agent_id, spool_id, node, agent_version, kernel_release;
  uint64_t first_seq = 0;
  bool node_is_proven = false;  // by a certificate or token, not only said
};

struct ProcessIdentity {
  std::string boot_id;
  int32_t pid = 0;
  uint64_t start_ticks = 0;
  uint32_t exec_seq = 0;
  friend bool operator==(const ProcessIdentity&,
                         const ProcessIdentity&) = default;
};

struct TierState {
  std::string tier;  // "memory", "gc", "headers", "census", "stacks", ...
  bool ok = false;
  std::string reason, rung;
};

// Evidence or the newest full state of one tier, as JSON. The keys are those of
// collector/rpc/documents.h; the API hands the text on as it is.
struct Document {
  std::string kind;  // "memory", "gc", "pymalloc", "census", "requests",
                     // "stacks", "holders"
  int64_t begin_boottime_ns = 0, end_boottime_ns = 0;
  std::string json;
};

// One number. `metric` and `label` point into the batch's `strings` or
// `backing`, or are literals. An increment is since the previous message; the
// store sums it.
struct NodeValue {
  std::string_view metric;
  std::string_view label;
  double value = 0;
  bool increment = false;
};

struct DescribedProcess {
  ProcessIdentity id;
  ProcessInfo info;  // key, times and agent are the store's to fill
  std::string build_id, allocator, object_path;
  std::vector<TierState> tiers;
};

struct NodeSnapshot {
  ProcessIdentity id;
  int64_t boottime_ns = 0;
  std::vector<NodeValue> values;
  std::vector<Document> latest;    // replaces the one of the same kind
  std::vector<Document> evidence;  // each is kept
  std::vector<TierState> tiers;
  std::optional<double> typed_share;  // of live blocks, by this census
  bool exited = false, oom_killed = false;
};

struct ReasonCount {
  std::string reason;
  int64_t count = 0;
};

struct NodeBatch {
  uint64_t seq = 0;
  std::string boot_id;
  int64_t boottime_ns = 0;
  int64_t wall_offset_ns = 0;
  std::vector<DescribedProcess> processes;
  std::vector<NodeSnapshot> snapshots;
  int64_t node_boottime_ns = 0;
  std::vector<NodeValue> node_values;
  std::string attach_rung;
  std::vector<ReasonCount> losses;  // the agent's own, increments
  // What the decoder refused of this batch. The store counts it when it stores
  // the batch for the first time, so that a batch sent twice is counted once.
  std::vector<std::pair<plimsoll_drop_reason, int64_t>> refused;

  std::deque<std::string> strings;      // owned; stable addresses
  std::shared_ptr<const void> backing;  // the message that views point into
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INGEST_NODE_BATCH_H_
