// The inside of Store, shared by its source files. Private to collector/store.
//
// Locks, in this order: write_mutex_ (one writer at a time; the writing
// connection) before head_mutex_ (the maps in memory). read_mutex_ (the reading
// connection) is taken alone. A reader looks at the head first and at the file
// second: what a rollover moves in between is then seen twice, never missed,
// and doubles are dropped by time.
#ifndef PLIMSOLL_COLLECTOR_STORE_STORE_IMPL_H_
#define PLIMSOLL_COLLECTOR_STORE_STORE_IMPL_H_

#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "collector/store/head.h"
#include "collector/store/sqlite.h"
#include "collector/store/store.h"

namespace plimsoll::collector::store {

// What one batch will change, worked out before the transaction.
struct BatchPlan {
  const IncomingBatch* incoming = nullptr;
  StreamHead* stream = nullptr;
  AgentHead* agent = nullptr;
  struct Append {
    SeriesHead* series;
    int64_t time_ms;
    double value;
    bool increment;
  };
  struct Snapshot {
    ProcessHead* process;
    const NodeSnapshot* snapshot;
    int64_t time_ns;
    int64_t offset_ns;
  };
  std::vector<Append> appends;
  std::vector<Snapshot> snapshots;
  std::vector<std::pair<plimsoll_drop_reason, int64_t>> refused;
};

class Store::Impl {
 public:
  Impl(StoreOptions options, StorePorts ports)
      : options_(std::move(options)), ports_(std::move(ports)) {}

  // store.cc
  absl::Status Load();
  absl::Status Replay();
  absl::StatusOr<uint64_t> OpenStream(const NodeHello& hello);

  // store_commands.cc
  absl::StatusOr<CommandTarget> NewCommand(ProcessKey process,
                                           const std::string& what,
                                           const std::string& payload);
  absl::StatusOr<CommandTarget> TargetOf(ProcessKey process) const;
  uint64_t LiveCommand(ProcessKey process, const std::string& what);

  // store_apply.cc
  absl::Status Apply(const std::vector<IncomingBatch>& batches);
  BatchPlan Plan(const IncomingBatch& incoming, int64_t now_ns);
  void Commit(const BatchPlan& plan, int64_t received_ns);

  // store_write.cc, inside a transaction; they throw SQLite::Exception.
  void WriteDictionary();
  void WriteBatch(const BatchPlan& plan, int64_t received_ns, int64_t* bytes);
  void WriteProcess(const ProcessHead& process);
  void WriteTiers(const ProcessHead& process);
  void MarkSaved();

  // store_rollover.cc
  absl::Status Maintain();
  absl::Status Rollover();
  absl::Status Expire();
  void WriteChunks(int64_t rollover);
  void WriteStates();
  void ForgetOldProcesses(int64_t before_ns);

  absl::StatusOr<std::vector<CommandState>> Commands(ProcessKey process,
                                                     int limit) const;

  // store_read.cc
  absl::StatusOr<std::vector<Sample>> Read(ProcessKey process,
                                           const SeriesName& name,
                                           int64_t from_ns,
                                           int64_t to_ns) const;
  absl::StatusOr<std::vector<SeriesName>> Series(
      ProcessKey process, const std::string* metric) const;
  absl::StatusOr<std::vector<StoredDocument>> Evidence(ProcessKey process,
                                                       const std::string& kind,
                                                       int64_t from_ns,
                                                       int64_t to_ns,
                                                       int limit) const;
  // Of the newest sample of an agent's node.
  std::optional<double> NodeFigure(const std::string& agent_id,
                                   std::string_view name) const;

  StoreOptions options_;
  StorePorts ports_;

  mutable std::mutex write_mutex_;
  std::unique_ptr<SQLite::Database> writer_;
  int64_t last_rollover_ns_ = 0;
  int64_t last_expiry_ns_ = 0;
  std::vector<ProcessHead*> dirty_processes_;
  std::vector<std::pair<ProcessHead*, uint64_t>> new_series_;
  std::vector<std::string> new_boots_;

  mutable std::shared_mutex head_mutex_;
  Head head_;

  mutable std::mutex read_mutex_;
  std::unique_ptr<SQLite::Database> reader_;

  std::atomic<int64_t> samples_{0}, batches_{0}, transactions_{0};
  std::atomic<int64_t> journal_bytes_{0}, series_in_head_{0};
  std::atomic<int64_t> chunk_samples_{0}, chunk_bytes_{0};

 private:
  friend class Store;
  // Parts of Plan.
  std::optional<int64_t> OffsetOf(const IncomingBatch& incoming, int64_t now_ns,
                                  plimsoll_drop_reason* why);
  ProcessHead* Resolve(const std::string& agent_id, const ProcessIdentity& id,
                       int64_t time_ns);
  SeriesHead* ResolveSeries(ProcessHead* process, const NodeValue& value);
  void LoadSeries(ProcessHead* process);
  void Describe(const DescribedProcess& described, ProcessHead* process);
  void PlanNode(const IncomingBatch& incoming, int64_t offset_ns,
                BatchPlan* plan);
  void PlanValues(const std::vector<NodeValue>& values, int64_t time_ns,
                  ProcessHead* process, BatchPlan* plan);
  void MarkDirty(ProcessHead* process);
};

// store_evidence.cc: the rows of one "stacks" document, most objects first.
// Damaged JSON is no rows.
std::vector<StackEvidence> ParseStacks(const StoredDocument& document);
// The share of the blocks that a "census" document says were examined.
std::optional<double> ParseCoverage(const std::string& census_json);

}  // namespace plimsoll::collector::store

#endif  // PLIMSOLL_COLLECTOR_STORE_STORE_IMPL_H_
