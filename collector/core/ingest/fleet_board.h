// What people look at beyond what the analysis reads: agents, the newest state
// of each tier of a process, evidence documents, the store's own figures.
// collector/store implements it; collector/http shows it. Any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_INGEST_FLEET_BOARD_H_
#define PLIMSOLL_COLLECTOR_CORE_INGEST_FLEET_BOARD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/core/fleet.h"
#include "collector/core/ingest/node_batch.h"

namespace plimsoll::collector {

struct AgentState {
  std::string agent_id, node_name, agent_version, kernel_release, attach_rung;
  int64_t last_seen_ns = 0;         // when its last batch was stored
  int64_t processes = 0;            // not exited
  std::vector<ReasonCount> losses;  // since it was first seen
  // The newest NodeSample by metric name.
  std::vector<std::pair<std::string, double>> figures;
};

// The newest full state of a tier, or one piece of evidence.
struct StoredDocument {
  std::string kind;
  int64_t time_ns = 0;    // unix; of evidence: when its window ended
  int64_t window_ns = 0;  // 0: a moment
  std::string json;
};

struct ProcessState {
  ProcessInfo info;
  std::string build_id, allocator, object_path;
  std::vector<TierState> tiers;
  std::vector<StoredDocument> latest;
  std::optional<double> typed_share;
  std::vector<CommandState> commands;  // newest first
  bool oom_killed = false;
};

struct StoreFigures {
  int64_t samples_total = 0;  // since start
  int64_t batches_total = 0;
  int64_t transactions_total = 0;
  int64_t database_bytes = 0;
  int64_t journal_bytes = 0;  // not yet in chunks
  int64_t processes = 0;
  int64_t series_in_head = 0;
  int64_t chunk_samples = 0;  // written as chunks since start
  int64_t chunk_bytes = 0;
};

class FleetBoard {
 public:
  virtual ~FleetBoard() = default;
  virtual absl::StatusOr<std::vector<AgentState>> Agents() const = 0;
  // NotFound when there is no such process.
  virtual absl::StatusOr<ProcessState> Process(ProcessKey process) const = 0;
  // `kind` is "stacks" or "holders"; newest first, at most `limit`.
  virtual absl::StatusOr<std::vector<StoredDocument>> Evidence(
      ProcessKey process, const std::string& kind, int64_t from_ns,
      int64_t to_ns, int limit) const = 0;
  virtual absl::StatusOr<std::vector<SeriesName>> AllSeries(
      ProcessKey process) const = 0;
  virtual StoreFigures Figures() const = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INGEST_FLEET_BOARD_H_
