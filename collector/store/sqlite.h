// The adapter around SQLiteCpp, which throws: here its exceptions become
// statuses, once. Private to collector/store.
//
// Codes: ResourceExhausted disk or database full; Unavailable I/O error or
// locked, may pass; DataLoss the file is damaged or no database; Internal else.
#ifndef PLIMSOLL_COLLECTOR_STORE_SQLITE_H_
#define PLIMSOLL_COLLECTOR_STORE_SQLITE_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plimsoll::collector::store {

absl::Status ToStatus(const std::string& operation,
                      const SQLite::Exception& error);

// Runs `body`, which may throw SQLite::Exception.
template <typename Body>
absl::Status Guard(const std::string& operation, Body body) {
  try {
    body();
  } catch (const SQLite::Exception& error) {
    return ToStatus(operation, error);
  }
  return absl::OkStatus();
}

// Opens for writing (WAL, fsync at each commit), checks and migrates it.
// `max_bytes` bounds the file; 0: not.
absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenForWriting(
    const std::string& path, int64_t max_bytes);
absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenForReading(
    const std::string& path);

// The schema this program knows, and how to get there from an older one.
int CurrentSchemaVersion();
// Applies migrations up to `version` inclusive; each in its own transaction.
absl::Status Migrate(SQLite::Database& database, int version);

// zstd, level 1. Decompress refuses what claims to be over `max_bytes`.
std::string Compress(const std::string& bytes);
absl::StatusOr<std::string> Decompress(const void* data, size_t size,
                                       size_t max_bytes);

// The JSON of a document's column; "null" when it is damaged, so that what is
// around it stays JSON.
std::string DocumentText(const SQLite::Column& column);

}  // namespace plimsoll::collector::store

#endif  // PLIMSOLL_COLLECTOR_STORE_SQLITE_H_
