// The collector's store on SQLite: one file, never a row per sample.
//
//   Apply    one transaction for a group of batches: the batches themselves
//            (journal), the streams' high-water marks, new processes, series
//            and evidence. Samples go to the head in memory.
//   Maintain once an hour (or when the journal is large) the head is written
//            out as one chunk per series and the journal rows that it covers
//            are deleted, in one transaction; then what is past retention goes.
//   Open     replays the journal into the head.
//
// So what is acknowledged is durable, a crash at any point loses nothing and
// doubles nothing, and the disk sees large appends only.
//
// Time: a sample's unix time is its boot time plus the offset that was fixed
// when this boot of this agent was first seen, kept to the millisecond. A boot
// is fixed only by a batch that is neither in the future nor past retention.
//
// Threads: Apply, OpenStream and Maintain from any, one at a time inside;
// readers from any thread, never blocked by a commit. Errors: sqlite.h.
#ifndef PLIMSOLL_COLLECTOR_STORE_STORE_H_
#define PLIMSOLL_COLLECTOR_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/incident/incident_ports.h"
#include "collector/core/ingest/fleet_board.h"
#include "collector/core/ingest/ingest_port.h"
#include "collector/core/ingest/loss_counter.h"
#include "collector/core/ports.h"

namespace plimsoll::collector::store {

struct StoreOptions {
  std::string path;  // of the file; its directory exists
  int64_t retention_ns = int64_t{7} * 86'400 * 1'000'000'000;
  int64_t rollover_ns = int64_t{3'600} * 1'000'000'000;
  int64_t max_journal_bytes = int64_t{256} << 20;
  int64_t future_tolerance_ns = int64_t{120} * 1'000'000'000;
  size_t max_series_per_process = 4'000;
  int max_evidence_per_process = 500;  // of one kind
  int64_t max_bytes = 0;               // bound of the file; 0: the disk's
};

struct StorePorts {
  BatchDecoder decoder;             // of journal rows
  std::function<int64_t()> now_ns;  // unix
  LossCounter* losses = nullptr;
  // Told of each snapshot once it is stored, on the caller of Apply. May be
  // empty.
  std::function<void(const ProcessInfo&, int64_t time_ns, const NodeSnapshot&)>
      listener;
};

class Store final : public FleetReader,
                    public FleetBoard,
                    public BatchStore,
                    public CommandLog,
                    public IncidentStore {
 public:
  static absl::StatusOr<std::unique_ptr<Store>> Open(StoreOptions options,
                                                     StorePorts ports);
  // Does not write anything out: the journal has it all.
  ~Store() override;

  absl::StatusOr<uint64_t> OpenStream(const NodeHello& hello) override;
  absl::Status Apply(const std::vector<IncomingBatch>& batches) override;

  // Rolls over and deletes when it is due; call it every few seconds.
  absl::Status Maintain();
  // Rolls over now: at a clean end, so that the next start has no replay.
  absl::Status Rollover();
  // Deletes what is past retention, now.
  absl::Status Expire();

  absl::StatusOr<CommandTarget> NewCommand(ProcessKey process,
                                           const std::string& what,
                                           const std::string& payload) override;
  absl::StatusOr<std::vector<PendingCommand>> PendingCommands(
      const std::string& agent_id) const override;
  absl::Status FinishCommand(const std::string& agent_id, uint64_t command_id,
                             const std::string& outcome,
                             const std::string& reason) override;

  absl::Status Save(const IncidentRecord& record) override;
  absl::Status Delete(const std::string& id) override;
  absl::StatusOr<std::vector<IncidentRecord>> Load(
      int64_t resolved_since_ns) const override;

  absl::StatusOr<std::vector<ProcessInfo>> Processes(
      int64_t since_ns) const override;
  absl::StatusOr<std::vector<SeriesName>> Series(
      ProcessKey process, const std::string& metric) const override;
  absl::StatusOr<std::vector<Sample>> Read(ProcessKey process,
                                           const SeriesName& series,
                                           int64_t from_ns,
                                           int64_t to_ns) const override;
  absl::StatusOr<std::vector<StackEvidence>> Stacks(
      ProcessKey process, int64_t from_ns, int64_t to_ns) const override;
  absl::StatusOr<CensusShares> Census(ProcessKey process) const override;
  absl::StatusOr<std::optional<CommandState>> NewestCommand(
      ProcessKey process) const override;
  std::optional<double> NodeSwapFreeBytes(
      const std::string& agent_id) const override;
  std::optional<double> NodeAvailableBytes(
      const std::string& agent_id) const override;
  // Unix time less the boot clock, as it was fixed when this boot of an agent's
  // node was first seen; nothing if it was not.
  std::optional<int64_t> BootOffsetNs(const std::string& agent_id,
                                      const std::string& boot_id) const;

  absl::StatusOr<std::vector<AgentState>> Agents() const override;
  absl::StatusOr<ProcessState> Process(ProcessKey process) const override;
  absl::StatusOr<std::vector<StoredDocument>> Evidence(
      ProcessKey process, const std::string& kind, int64_t from_ns,
      int64_t to_ns, int limit) const override;
  absl::StatusOr<std::vector<SeriesName>> AllSeries(
      ProcessKey process) const override;
  StoreFigures Figures() const override;

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::collector::store

#endif  // PLIMSOLL_COLLECTOR_STORE_STORE_H_
