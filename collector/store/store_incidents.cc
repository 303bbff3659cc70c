#include "collector/store/store_impl.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::store {

absl::Status Store::Save(const IncidentRecord& record) {
  std::lock_guard<std::mutex> write(impl_->write_mutex_);
  return Guard("store incident", [&] {
    SQLite::Statement row(
        *impl_->writer_,
        "INSERT OR REPLACE INTO incident VALUES (?,?,?,?,?,?,?,?)");
    row.bind(1, record.id);
    row.bind(2, record.workload);
    row.bind(3, record.cause);
    row.bind(4, record.state);
    row.bind(5, record.opened_ns);
    row.bind(6, record.updated_ns);
    row.bind(7, record.resolved_ns);
    row.bind(8, record.json);
    row.exec();
  });
}

absl::Status Store::Delete(const std::string& id) {
  std::lock_guard<std::mutex> write(impl_->write_mutex_);
  return Guard("delete incident", [&] {
    SQLite::Statement row(*impl_->writer_, "DELETE FROM incident WHERE id = ?");
    row.bind(1, id);
    row.exec();
  });
}

absl::StatusOr<std::vector<IncidentRecord>> Store::Load(
    int64_t resolved_since_ns) const {
  std::vector<IncidentRecord> out;
  PLIMSOLL_RETURN_IF_ERROR(Guard("load incidents", [&] {
    std::lock_guard<std::mutex> read(impl_->read_mutex_);
    SQLite::Statement rows(
        *impl_->reader_,
        "SELECT id, workload, cause, state, opened_ns, updated_ns, "
        "resolved_ns, json FROM incident WHERE resolved_ns = 0 OR "
        "resolved_ns >= ? ORDER BY opened_ns DESC");
    rows.bind(1, resolved_since_ns);
    while (rows.executeStep()) {
      out.push_back(
          {rows.getColumn(0).getString(), rows.getColumn(1).getString(),
           rows.getColumn(2).getString(), rows.getColumn(3).getString(),
           rows.getColumn(4).getInt64(), rows.getColumn(5).getInt64(),
           rows.getColumn(6).getInt64(), rows.getColumn(7).getString()});
    }
  }));
  return out;
}

}  // namespace plimsoll::collector::store
