// Rows of one transaction of Apply. All of these run under write_mutex_ and
// throw SQLite::Exception, which Guard in Apply turns into a status.
#include <utility>

#include "collector/store/store_impl.h"

namespace plimsoll::collector::store {
namespace {

std::pair<std::string, std::string> SplitPair(const std::string& key) {
  size_t at = key.find('\0');
  return {key.substr(0, at), key.substr(at + 1)};
}

void Run(SQLite::Statement& statement) {
  statement.exec();
  statement.reset();
}

}  // namespace

void Store::Impl::WriteProcess(const ProcessHead& process) {
  const ProcessState& state = process.state;
  const ProcessInfo& info = state.info;
  SQLite::Statement row(
      *writer_,
      "INSERT OR REPLACE INTO process VALUES "
      "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  int at = 0;
  row.bind(++at, info.key);
  row.bind(++at, info.agent_id);
  row.bind(++at, info.boot_id);
  row.bind(++at, info.pid);
  row.bind(++at, static_cast<int64_t>(info.start_ticks));
  row.bind(++at, static_cast<int64_t>(info.exec_seq));
  for (const std::string* text :
       {&info.workload.cluster, &info.workload.ns, &info.workload.kind,
        &info.workload.name, &info.region, &info.zone, &info.version,
        &info.image_digest, &info.node, &info.pod, &info.container, &info.owner,
        &info.command, &info.cgroup, &info.python_version, &info.python_refusal,
        &state.build_id, &state.allocator, &state.object_path}) {
    row.bind(++at, *text);
  }
  row.bind(++at, info.start_unix_ns);
  row.bind(++at, info.first_seen_ns);
  row.bind(++at, info.last_seen_ns);
  row.bind(++at, info.exited ? 1 : 0);
  row.bind(++at, state.oom_killed ? 1 : 0);
  if (state.typed_share) {
    row.bind(++at, *state.typed_share);
  } else {
    row.bind(++at);
  }
  row.bind(++at, info.parent_pid);
  row.exec();
}

void Store::Impl::WriteTiers(const ProcessHead& process) {
  SQLite::Statement row(*writer_,
                        "INSERT OR REPLACE INTO tier VALUES (?,?,?,?,?)");
  for (const TierState& tier : process.state.tiers) {
    row.bind(1, process.state.info.key);
    row.bind(2, tier.tier);
    row.bind(3, tier.ok ? 1 : 0);
    row.bind(4, tier.reason);
    row.bind(5, tier.rung);
    Run(row);
  }
}

void Store::Impl::WriteDictionary() {
  SQLite::Statement name(*writer_, "INSERT INTO name VALUES (?,?)");
  for (uint32_t id : head_.names.unsaved()) {
    name.bind(1, static_cast<int64_t>(id));
    name.bind(2, head_.names.Text(id));
    Run(name);
  }
  SQLite::Statement boot(*writer_, "INSERT INTO boot VALUES (?,?,?)");
  for (const std::string& key : new_boots_) {
    auto [agent_id, boot_id] = SplitPair(key);
    boot.bind(1, agent_id);
    boot.bind(2, boot_id);
    boot.bind(3, head_.boots.at(key).offset_ns);
    Run(boot);
  }
  for (const ProcessHead* process : dirty_processes_) {
    WriteProcess(*process);
    if (!process->tiers_saved) WriteTiers(*process);
  }
  SQLite::Statement series(*writer_, "INSERT INTO series VALUES (?,?,?,?,0)");
  for (const auto& [process, key] : new_series_) {
    series.bind(1, process->series.at(key).id);
    series.bind(2, process->state.info.key);
    series.bind(3, static_cast<int64_t>(key >> 32));
    series.bind(4, static_cast<int64_t>(key & 0xffffffff));
    Run(series);
  }
}

void Store::Impl::WriteBatch(const BatchPlan& plan, int64_t received_ns,
                             int64_t* bytes) {
  const IncomingBatch& incoming = *plan.incoming;
  SQLite::Statement stream(
      *writer_,
      "INSERT INTO stream VALUES (?,?,?,?) "
      "ON CONFLICT (id) DO UPDATE SET next_seq = excluded.next_seq");
  stream.bind(1, plan.stream->id);
  stream.bind(2, incoming.agent_id);
  stream.bind(3, incoming.spool_id);
  stream.bind(4, static_cast<int64_t>(incoming.batch.seq + 1));
  stream.exec();

  std::string packed = Compress(incoming.raw);
  SQLite::Statement journal(
      *writer_,
      "INSERT INTO journal (stream, seq, received_ns, batch) VALUES (?,?,?,?)");
  journal.bind(1, plan.stream->id);
  journal.bind(2, static_cast<int64_t>(incoming.batch.seq));
  journal.bind(3, received_ns);
  journal.bindNoCopy(4, packed.data(), static_cast<int>(packed.size()));
  journal.exec();
  *bytes += static_cast<int64_t>(packed.size());

  SQLite::Statement evidence(
      *writer_,
      "INSERT INTO evidence (process, kind, begin_ns, end_ns, json_zstd) "
      "VALUES (?,?,?,?,?)");
  for (const BatchPlan::Snapshot& part : plan.snapshots) {
    for (const Document& document : part.snapshot->evidence) {
      evidence.bind(1, part.process->state.info.key);
      evidence.bind(2, document.kind);
      evidence.bind(3, document.begin_boottime_ns + part.offset_ns);
      evidence.bind(4, document.end_boottime_ns + part.offset_ns);
      std::string json = Compress(document.json);
      evidence.bindNoCopy(5, json.data(), static_cast<int>(json.size()));
      Run(evidence);
    }
  }
}

// Needs the head lock: the transaction is durable.
void Store::Impl::MarkSaved() {
  head_.names.MarkSaved();
  for (ProcessHead* process : dirty_processes_) {
    process->dirty = false;
    process->tiers_saved = true;
  }
  dirty_processes_.clear();
  new_series_.clear();
  new_boots_.clear();
}

}  // namespace plimsoll::collector::store
