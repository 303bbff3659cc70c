// The schema, as the steps that made it. A step that was released never
// changes; a new one is appended. PRAGMA user_version is the last step applied.
#include <array>
#include <string>

#include "collector/store/sqlite.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::store {
namespace {

// Times: *_ns unix nanoseconds, *_ms unix milliseconds.
//
// journal   batches whose samples are not in chunks yet (zstd); replayed at
//           start, deleted by the rollover that writes their chunks.
// rollover  one row per time that the head was written out.
// times     time columns of a rollover, shared by the series that have them in
//           common; chunk is one series of one rollover. Both are ordered by
//           rollover, so that writing appends and retention cuts off the front.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE stream (
  id INTEGER PRIMARY KEY, agent_id TEXT NOT NULL, spool_id TEXT NOT NULL,
  next_seq INTEGER NOT NULL, UNIQUE (agent_id, spool_id)) STRICT;
CREATE TABLE journal (
  id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
  received_ns INTEGER NOT NULL, batch BLOB NOT NULL,
  UNIQUE (stream, seq)) STRICT;
CREATE TABLE boot (
  agent_id TEXT NOT NULL, boot_id TEXT NOT NULL, offset_ns INTEGER NOT NULL,
  PRIMARY KEY (agent_id, boot_id)) STRICT, WITHOUT ROWID;
CREATE TABLE agent (
  agent_id TEXT PRIMARY KEY, node TEXT NOT NULL, version TEXT NOT NULL,
  kernel TEXT NOT NULL, rung TEXT NOT NULL, last_seen_ns INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
CREATE TABLE agent_loss (
  agent_id TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (agent_id, reason)) STRICT, WITHOUT ROWID;
CREATE TABLE process (
  id INTEGER PRIMARY KEY, agent_id TEXT NOT NULL, boot_id TEXT NOT NULL,
  pid INTEGER NOT NULL, start_ticks INTEGER NOT NULL,
  exec_seq INTEGER NOT NULL, cluster TEXT NOT NULL, namespace TEXT NOT NULL,
  kind TEXT NOT NULL, name TEXT NOT NULL, region TEXT NOT NULL,
  zone TEXT NOT NULL, version TEXT NOT NULL, image_digest TEXT NOT NULL,
  node TEXT NOT NULL, pod TEXT NOT NULL, container TEXT NOT NULL,
  owner TEXT NOT NULL, command TEXT NOT NULL, cgroup TEXT NOT NULL,
  python_version TEXT NOT NULL, python_refusal TEXT NOT NULL,
  build_id TEXT NOT NULL, allocator TEXT NOT NULL, object_path TEXT NOT NULL,
  start_unix_ns INTEGER NOT NULL, first_seen_ns INTEGER NOT NULL,
  last_seen_ns INTEGER NOT NULL, exited INTEGER NOT NULL,
  oom_killed INTEGER NOT NULL, typed_share REAL,
  UNIQUE (agent_id, boot_id, pid, start_ticks, exec_seq)) STRICT;
CREATE TABLE tier (
  process INTEGER NOT NULL, tier TEXT NOT NULL, ok INTEGER NOT NULL,
  reason TEXT NOT NULL, rung TEXT NOT NULL,
  PRIMARY KEY (process, tier)) STRICT, WITHOUT ROWID;
CREATE TABLE latest (
  process INTEGER NOT NULL, kind TEXT NOT NULL, time_ns INTEGER NOT NULL,
  json_zstd BLOB NOT NULL, PRIMARY KEY (process, kind)) STRICT, WITHOUT ROWID;
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY, process INTEGER NOT NULL, kind TEXT NOT NULL,
  begin_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
  json_zstd BLOB NOT NULL) STRICT;
CREATE INDEX evidence_by_process ON evidence (process, kind, end_ns);
CREATE INDEX evidence_by_time ON evidence (end_ns);
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE series (
  id INTEGER PRIMARY KEY, process INTEGER NOT NULL, metric INTEGER NOT NULL,
  label INTEGER NOT NULL, total REAL NOT NULL,
  UNIQUE (process, metric, label)) STRICT;
CREATE TABLE rollover (
  id INTEGER PRIMARY KEY, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL
  ) STRICT;
CREATE TABLE times (
  rollover INTEGER NOT NULL, id INTEGER NOT NULL, column_bytes BLOB NOT NULL,
  PRIMARY KEY (rollover, id)) STRICT, WITHOUT ROWID;
CREATE TABLE chunk (
  rollover INTEGER NOT NULL, series INTEGER NOT NULL, times INTEGER NOT NULL,
  samples INTEGER NOT NULL, column_bytes BLOB NOT NULL,
  PRIMARY KEY (rollover, series)) STRICT, WITHOUT ROWID;
)sql";

constexpr const char* kVersion2 = R"sql(
CREATE TABLE command (
  id INTEGER PRIMARY KEY AUTOINCREMENT, process INTEGER NOT NULL,
  what TEXT NOT NULL, sent_ns INTEGER NOT NULL,
  finished_ns INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL
  ) STRICT;
CREATE INDEX command_by_process ON command (process, id);
CREATE TABLE incident (
  id TEXT PRIMARY KEY, workload TEXT NOT NULL, cause TEXT NOT NULL,
  state TEXT NOT NULL, opened_ns INTEGER NOT NULL,
  updated_ns INTEGER NOT NULL, resolved_ns INTEGER NOT NULL,
  json TEXT NOT NULL) STRICT;
CREATE INDEX incident_by_end ON incident (resolved_ns);
)sql";

// parent_pid tells a prefork master from its workers.
constexpr const char* kVersion3 = R"sql(
ALTER TABLE process ADD COLUMN parent_pid INTEGER NOT NULL DEFAULT 0;
)sql";

// What was asked, to be asked again after a lost stream.
constexpr const char* kVersion4 = R"sql(
ALTER TABLE command ADD COLUMN payload BLOB NOT NULL DEFAULT x'';
)sql";

constexpr std::array<const char*, 4> kMigrations = {kVersion1, kVersion2,
                                                    kVersion3, kVersion4};

}  // namespace

int CurrentSchemaVersion() { return static_cast<int>(kMigrations.size()); }

absl::Status Migrate(SQLite::Database& database, int version) {
  int have = 0;
  PLIMSOLL_RETURN_IF_ERROR(Guard("read schema version", [&] {
    have = database.execAndGet("PRAGMA user_version").getInt();
  }));
  if (have > CurrentSchemaVersion()) {
    return absl::FailedPreconditionError(
        "store: its schema is version " + std::to_string(have) +
        ", newer than this collector knows (" +
        std::to_string(CurrentSchemaVersion()) + "); run the newer collector");
  }
  for (int step = have; step < version; ++step) {
    PLIMSOLL_RETURN_IF_ERROR(
        Guard("migrate store to version " + std::to_string(step + 1), [&] {
          SQLite::Transaction transaction(database);
          database.exec(kMigrations[static_cast<size_t>(step)]);
          database.exec("PRAGMA user_version = " + std::to_string(step + 1));
          transaction.commit();
        }));
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::collector::store
