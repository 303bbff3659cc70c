#include "collector/store/store.h"

#include <algorithm>
#include <utility>

#include "collector/store/store_impl.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::store {
namespace {

constexpr size_t kMaxJournalBatchBytes = 16 << 20;

void LoadProcess(SQLite::Statement& row, ProcessHead* process) {
  ProcessState& state = process->state;
  ProcessInfo& info = state.info;
  int at = 0;
  info.key = row.getColumn(at++).getInt64();
  info.agent_id = row.getColumn(at++).getString();
  info.boot_id = row.getColumn(at++).getString();
  info.pid = row.getColumn(at++).getInt();
  info.start_ticks = static_cast<uint64_t>(row.getColumn(at++).getInt64());
  info.exec_seq = static_cast<uint32_t>(row.getColumn(at++).getInt64());
  for (std::string* text :
       {&info.workload.cluster, &info.workload.ns, &info.workload.kind,
        &info.workload.name, &info.region, &info.zone, &info.version,
        &info.image_digest, &info.node, &info.pod, &info.container, &info.owner,
        &info.command, &info.cgroup, &info.python_version, &info.python_refusal,
        &state.build_id, &state.allocator, &state.object_path}) {
    *text = row.getColumn(at++).getString();
  }
  info.start_unix_ns = row.getColumn(at++).getInt64();
  info.first_seen_ns = row.getColumn(at++).getInt64();
  info.last_seen_ns = row.getColumn(at++).getInt64();
  info.exited = row.getColumn(at++).getInt() != 0;
  state.oom_killed = row.getColumn(at++).getInt() != 0;
  if (!row.getColumn(at).isNull()) {
    state.typed_share = row.getColumn(at).getDouble();
  }
  info.parent_pid = row.getColumn(++at).getInt();
  process->is_node = info.pid == 0;
}

void LoadProcesses(SQLite::Database& database, Head* head) {
  SQLite::Statement rows(database, "SELECT * FROM process");
  while (rows.executeStep()) {
    ProcessKey key = rows.getColumn(0).getInt64();
    ProcessHead& process = head->processes[key];
    LoadProcess(rows, &process);
    const ProcessInfo& info = process.state.info;
    head->keys[IdentityText(info.agent_id, {info.boot_id, info.pid,
                                            info.start_ticks, info.exec_seq})] =
        key;
  }
  SQLite::Statement tiers(database, "SELECT * FROM tier");
  while (tiers.executeStep()) {
    auto process = head->processes.find(tiers.getColumn(0).getInt64());
    if (process == head->processes.end()) continue;
    process->second.state.tiers.push_back(
        {tiers.getColumn(1).getString(), tiers.getColumn(2).getInt() != 0,
         tiers.getColumn(3).getString(), tiers.getColumn(4).getString()});
  }
  SQLite::Statement latest(database, "SELECT * FROM latest");
  while (latest.executeStep()) {
    auto process = head->processes.find(latest.getColumn(0).getInt64());
    if (process == head->processes.end()) continue;
    process->second.state.latest.push_back({latest.getColumn(1).getString(),
                                            latest.getColumn(2).getInt64(), 0,
                                            DocumentText(latest.getColumn(3))});
  }
  // Numbers are never used again, so the highest that was ever given counts.
  auto next = [&](const char* sql) {
    return database.execAndGet(sql).getInt64() + 1;
  };
  head->next_process = next(
      "SELECT max((SELECT ifnull(max(id), 0) FROM process), "
      "(SELECT ifnull(max(process), 0) FROM series), "
      "(SELECT ifnull(max(process), 0) FROM command))");
  head->next_series = next(
      "SELECT max((SELECT ifnull(max(id), 0) FROM series), "
      "(SELECT ifnull(max(series), 0) FROM chunk))");
  head->next_stream = next("SELECT ifnull(max(id), 0) FROM stream");
}

void LoadRest(SQLite::Database& database, Head* head) {
  SQLite::Statement names(database, "SELECT id, text FROM name");
  while (names.executeStep()) {
    head->names.Load(names.getColumn(0).getUInt(),
                     names.getColumn(1).getString());
  }
  SQLite::Statement boots(database, "SELECT * FROM boot");
  while (boots.executeStep()) {
    head->boots[PairText(boots.getColumn(0).getString(),
                         boots.getColumn(1).getString())]
        .offset_ns = boots.getColumn(2).getInt64();
  }
  SQLite::Statement streams(database, "SELECT * FROM stream");
  while (streams.executeStep()) {
    head->streams[PairText(streams.getColumn(1).getString(),
                           streams.getColumn(2).getString())] = {
        streams.getColumn(0).getInt64(),
        static_cast<uint64_t>(streams.getColumn(3).getInt64())};
  }
  SQLite::Statement agents(database, "SELECT * FROM agent");
  while (agents.executeStep()) {
    AgentState& state = head->agents[agents.getColumn(0).getString()].state;
    state.agent_id = agents.getColumn(0).getString();
    state.node_name = agents.getColumn(1).getString();
    state.agent_version = agents.getColumn(2).getString();
    state.kernel_release = agents.getColumn(3).getString();
    state.attach_rung = agents.getColumn(4).getString();
    state.last_seen_ns = agents.getColumn(5).getInt64();
  }
  SQLite::Statement losses(database, "SELECT * FROM agent_loss");
  while (losses.executeStep()) {
    head->agents[losses.getColumn(0).getString()]
        .losses[losses.getColumn(1).getString()] =
        losses.getColumn(2).getInt64();
  }
}

}  // namespace

absl::Status Store::Impl::Load() {
  PLIMSOLL_ASSIGN_OR_RETURN(writer_,
                            OpenForWriting(options_.path, options_.max_bytes));
  PLIMSOLL_ASSIGN_OR_RETURN(reader_, OpenForReading(options_.path));
  // A live process's row is brought up to date at each rollover; retention
  // must not take it in between.
  options_.rollover_ns =
      std::min(options_.rollover_ns, options_.retention_ns / 4);
  last_rollover_ns_ = last_expiry_ns_ = ports_.now_ns();
  return Guard("load store", [&] {
    writer_->exec(
        "DELETE FROM name WHERE id NOT IN (SELECT metric FROM series UNION "
        "SELECT label FROM series)");
    LoadProcesses(*writer_, &head_);
    LoadRest(*writer_, &head_);
  });
}

// Batches whose samples were in memory only. Their rows in other tables are
// there already: nothing is written here.
absl::Status Store::Impl::Replay() {
  int64_t bytes = 0;
  absl::Status damaged = absl::OkStatus();
  PLIMSOLL_RETURN_IF_ERROR(Guard("replay journal", [&] {
    SQLite::Statement rows(
        *writer_,
        "SELECT s.agent_id, s.spool_id, j.received_ns, j.batch FROM journal j "
        "JOIN stream s ON s.id = j.stream ORDER BY j.id");
    while (rows.executeStep()) {
      SQLite::Column packed = rows.getColumn(3);
      bytes += packed.getBytes();
      auto raw =
          Decompress(packed.getBlob(), static_cast<size_t>(packed.getBytes()),
                     kMaxJournalBatchBytes);
      if (!raw.ok()) {
        damaged = raw.status();
        return;
      }
      IncomingBatch incoming{rows.getColumn(0).getString(),
                             rows.getColumn(1).getString(),
                             *std::move(raw),
                             {}};
      auto batch = ports_.decoder(incoming.raw);
      // Stored as refused: it had no readable content then and has none now.
      if (!batch.ok()) continue;
      incoming.batch = *std::move(batch);
      int64_t received_ns = rows.getColumn(2).getInt64();
      Commit(Plan(incoming, received_ns), received_ns);
    }
  }));
  journal_bytes_ = bytes;
  samples_ = 0;  // counted before
  return damaged;
}

absl::StatusOr<uint64_t> Store::Impl::OpenStream(const NodeHello& hello) {
  std::lock_guard<std::mutex> write(write_mutex_);
  std::unique_lock<std::shared_mutex> lock(head_mutex_);
  AgentState& state = head_.agents[hello.agent_id].state;
  if (hello.node_is_proven && !state.node_name.empty() &&
      state.node_name != hello.node) {
    return absl::PermissionDeniedError(
        "the agent id " + hello.agent_id + " is that of node " +
        state.node_name + ", not of " + hello.node +
        ": remove agent_id from the agent's state_dir, and it makes a new one");
  }
  state.agent_id = hello.agent_id;
  state.node_name = hello.node;
  state.agent_version = hello.agent_version;
  state.kernel_release = hello.kernel_release;
  PLIMSOLL_RETURN_IF_ERROR(Guard("store agent", [&] {
    SQLite::Statement row(*writer_,
                          "INSERT OR REPLACE INTO agent VALUES (?,?,?,?,?,?)");
    row.bind(1, state.agent_id);
    row.bind(2, state.node_name);
    row.bind(3, state.agent_version);
    row.bind(4, state.kernel_release);
    row.bind(5, state.attach_rung);
    row.bind(6, state.last_seen_ns);
    row.exec();
  }));
  auto stream = head_.streams.find(PairText(hello.agent_id, hello.spool_id));
  return stream == head_.streams.end() ? uint64_t{0} : stream->second.next_seq;
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(StoreOptions options,
                                                   StorePorts ports) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(ports));
  PLIMSOLL_RETURN_IF_ERROR(impl->Load());
  PLIMSOLL_RETURN_IF_ERROR(impl->Replay());
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

absl::StatusOr<uint64_t> Store::OpenStream(const NodeHello& hello) {
  return impl_->OpenStream(hello);
}

absl::Status Store::Apply(const std::vector<IncomingBatch>& batches) {
  return impl_->Apply(batches);
}

absl::Status Store::Maintain() { return impl_->Maintain(); }
absl::Status Store::Rollover() { return impl_->Rollover(); }
absl::Status Store::Expire() { return impl_->Expire(); }

}  // namespace plimsoll::collector::store
