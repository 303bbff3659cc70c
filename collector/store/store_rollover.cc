// From the head to chunks, and what is past retention to nothing.
#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "collector/store/store_impl.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::store {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kExpiryEveryNs = int64_t{600} * 1'000'000'000;

void Run(SQLite::Statement& statement) {
  statement.exec();
  statement.reset();
}

// In the order of their keys, so that rows are appended to full pages.
std::vector<const ProcessHead*> ChangedProcesses(const Head& head) {
  std::vector<const ProcessHead*> out;
  for (const auto& [key, process] : head.processes) {
    if (process.seen_since_rollover || process.is_node) {
      out.push_back(&process);
    }
  }
  std::sort(out.begin(), out.end(),
            [](const ProcessHead* a, const ProcessHead* b) {
              return a->state.info.key < b->state.info.key;
            });
  return out;
}

std::vector<const SeriesHead*> SeriesById(const ProcessHead& process) {
  std::vector<const SeriesHead*> out;
  for (const auto& [name, series] : process.series) out.push_back(&series);
  std::sort(
      out.begin(), out.end(),
      [](const SeriesHead* a, const SeriesHead* b) { return a->id < b->id; });
  return out;
}

}  // namespace

// One row for each series with samples; a time column that several series of a
// process have in common is written once.
void Store::Impl::WriteChunks(int64_t rollover) {
  SQLite::Statement times_row(*writer_, "INSERT INTO times VALUES (?,?,?)");
  SQLite::Statement chunk_row(*writer_, "INSERT INTO chunk VALUES (?,?,?,?,?)");
  SQLite::Statement total_row(*writer_,
                              "UPDATE series SET total = ? WHERE id = ?");
  int64_t first_ms = std::numeric_limits<int64_t>::max();
  int64_t last_ms = std::numeric_limits<int64_t>::min();
  int64_t next_times = 1, samples = 0, bytes = 0;
  std::vector<int64_t> times;
  std::vector<double> values;
  for (const ProcessHead* process : ChangedProcesses(head_)) {
    std::map<std::string, int64_t> columns;
    for (const SeriesHead* head : SeriesById(*process)) {
      const SeriesHead& series = *head;
      const ChunkBuilder& chunk = series.chunk;
      if (series.total_changed) {
        total_row.bind(1, series.total);
        total_row.bind(2, series.id);
        Run(total_row);
      }
      if (chunk.count() == 0) continue;
      if (!chunk.Decode(&times, &values).ok()) continue;
      first_ms = std::min(first_ms, chunk.first_ms());
      last_ms = std::max(last_ms, chunk.last_ms());
      std::string column = EncodeTimes(times);
      auto [shared, is_new] = columns.try_emplace(column, next_times);
      if (is_new) {
        ++next_times;
        times_row.bind(1, rollover);
        times_row.bind(2, shared->second);
        times_row.bindNoCopy(3, column.data(), static_cast<int>(column.size()));
        Run(times_row);
        bytes += static_cast<int64_t>(column.size());
      }
      std::string coded = EncodeValues(values);
      chunk_row.bind(1, rollover);
      chunk_row.bind(2, series.id);
      chunk_row.bind(3, shared->second);
      chunk_row.bind(4, static_cast<int64_t>(chunk.count()));
      chunk_row.bindNoCopy(5, coded.data(), static_cast<int>(coded.size()));
      Run(chunk_row);
      samples += static_cast<int64_t>(chunk.count());
      bytes += static_cast<int64_t>(coded.size());
    }
  }
  if (samples == 0) return;
  SQLite::Statement row(*writer_, "INSERT INTO rollover VALUES (?,?,?)");
  row.bind(1, rollover);
  row.bind(2, first_ms);
  row.bind(3, last_ms);
  row.exec();
  chunk_samples_ += samples;
  chunk_bytes_ += bytes;
}

// What changes with every batch and is therefore not written with every batch.
void Store::Impl::WriteStates() {
  SQLite::Statement latest(*writer_,
                           "INSERT OR REPLACE INTO latest VALUES (?,?,?,?)");
  for (const auto& [key, process] : head_.processes) {
    if (!process.seen_since_rollover) continue;
    WriteProcess(process);
    for (const StoredDocument& document : process.state.latest) {
      latest.bind(1, key);
      latest.bind(2, document.kind);
      latest.bind(3, document.time_ns);
      std::string json = Compress(document.json);
      latest.bindNoCopy(4, json.data(), static_cast<int>(json.size()));
      Run(latest);
    }
  }
  SQLite::Statement agent(*writer_,
                          "INSERT OR REPLACE INTO agent VALUES (?,?,?,?,?,?)");
  SQLite::Statement loss(*writer_,
                         "INSERT OR REPLACE INTO agent_loss VALUES (?,?,?)");
  for (const auto& [id, head] : head_.agents) {
    agent.bind(1, id);
    agent.bind(2, head.state.node_name);
    agent.bind(3, head.state.agent_version);
    agent.bind(4, head.state.kernel_release);
    agent.bind(5, head.state.attach_rung);
    agent.bind(6, head.state.last_seen_ns);
    Run(agent);
    for (const auto& [reason, count] : head.losses) {
      loss.bind(1, id);
      loss.bind(2, reason);
      loss.bind(3, count);
      Run(loss);
    }
  }
}

absl::Status Store::Impl::Rollover() {
  std::lock_guard<std::mutex> write(write_mutex_);
  last_rollover_ns_ = ports_.now_ns();
  PLIMSOLL_RETURN_IF_ERROR(Guard("roll over", [&] {
    SQLite::Transaction transaction(*writer_);
    WriteDictionary();
    int64_t id =
        writer_->execAndGet("SELECT ifnull(max(id), 0) + 1 FROM rollover")
            .getInt64();
    WriteChunks(id);
    WriteStates();
    writer_->exec("DELETE FROM journal");
    transaction.commit();
  }));
  {
    std::unique_lock<std::shared_mutex> lock(head_mutex_);
    MarkSaved();
    int64_t kept = 0;
    for (auto& [key, process] : head_.processes) {
      // A process that is gone or silent has its series on disk only.
      if (process.state.info.exited ||
          (!process.seen_since_rollover && !process.is_node)) {
        process.series.clear();
        process.series_loaded = false;
      }
      for (auto& [name, series] : process.series) {
        series.chunk.Clear();
        series.total_changed = false;
      }
      kept += static_cast<int64_t>(process.series.size());
      process.seen_since_rollover = false;
    }
    series_in_head_ = kept;
  }
  journal_bytes_ = 0;
  return Guard("checkpoint", [&] {
    writer_->exec("PRAGMA incremental_vacuum(1024)");
    writer_->exec("PRAGMA wal_checkpoint(PASSIVE)");
  });
}

void Store::Impl::ForgetOldProcesses(int64_t before_ns) {
  std::unique_lock<std::shared_mutex> lock(head_mutex_);
  for (auto it = head_.processes.begin(); it != head_.processes.end();) {
    ProcessHead& process = it->second;
    const ProcessInfo& info = process.state.info;
    if (info.last_seen_ns >= before_ns || process.dirty || process.is_node ||
        process.seen_since_rollover) {
      ++it;
      continue;
    }
    head_.keys.erase(IdentityText(
        info.agent_id,
        {info.boot_id, info.pid, info.start_ticks, info.exec_seq}));
    it = head_.processes.erase(it);
  }
}

absl::Status Store::Impl::Expire() {
  std::lock_guard<std::mutex> write(write_mutex_);
  last_expiry_ns_ = ports_.now_ns();
  int64_t before_ns = last_expiry_ns_ - options_.retention_ns;
  ForgetOldProcesses(before_ns);
  return Guard("delete what is past retention", [&] {
    SQLite::Transaction transaction(*writer_);
    auto run = [&](const char* sql, int64_t bound) {
      SQLite::Statement statement(*writer_, sql);
      statement.bind(1, bound);
      statement.exec();
    };
    constexpr const char* kOld = "(SELECT id FROM rollover WHERE last_ms < ?)";
    int64_t before_ms = before_ns / kNsPerMs;
    run((std::string("DELETE FROM chunk WHERE rollover IN ") + kOld).c_str(),
        before_ms);
    run((std::string("DELETE FROM times WHERE rollover IN ") + kOld).c_str(),
        before_ms);
    run("DELETE FROM rollover WHERE last_ms < ?", before_ms);
    run("DELETE FROM evidence WHERE end_ns < ?", before_ns);
    run("DELETE FROM evidence WHERE id IN (SELECT id FROM (SELECT id, "
        "row_number() OVER (PARTITION BY process, kind ORDER BY end_ns DESC, "
        "id DESC) AS n FROM evidence) WHERE n > ?)",
        options_.max_evidence_per_process);
    run("DELETE FROM command WHERE sent_ns < ?", before_ns);
    run("DELETE FROM incident WHERE resolved_ns > 0 AND resolved_ns < ?",
        before_ns);
    run("DELETE FROM process WHERE pid > 0 AND last_seen_ns < ?", before_ns);
    for (const char* table : {"series", "tier", "latest", "evidence"}) {
      writer_->exec(std::string("DELETE FROM ") + table +
                    " WHERE process NOT IN (SELECT id FROM process)");
    }
    transaction.commit();
  });
}

absl::Status Store::Impl::Maintain() {
  bool rollover, expire;
  {
    std::lock_guard<std::mutex> write(write_mutex_);
    int64_t now_ns = ports_.now_ns();
    rollover = now_ns - last_rollover_ns_ >= options_.rollover_ns ||
               journal_bytes_ > options_.max_journal_bytes;
    expire = now_ns - last_expiry_ns_ >= kExpiryEveryNs;
  }
  if (rollover) PLIMSOLL_RETURN_IF_ERROR(Rollover());
  if (expire) PLIMSOLL_RETURN_IF_ERROR(Expire());
  return absl::OkStatus();
}

}  // namespace plimsoll::collector::store
