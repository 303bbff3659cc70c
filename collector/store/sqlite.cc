#include "collector/store/sqlite.h"

#include <sqlite3.h>
#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::store {
namespace {

// A full check reads the whole file; past this size it would delay the start
// by seconds, and damage is reported when it is met.
constexpr int64_t kCheckUpToBytes = int64_t{256} << 20;

void Configure(SQLite::Database& database, int64_t max_bytes) {
  database.setBusyTimeout(5'000);
  database.exec("PRAGMA page_size = 8192");
  database.exec("PRAGMA auto_vacuum = INCREMENTAL");
  database.exec("PRAGMA journal_mode = WAL");
  // What is acknowledged must survive a power cut: the WAL is synced at each
  // commit, and commits are grouped.
  database.exec("PRAGMA synchronous = FULL");
  database.exec("PRAGMA foreign_keys = OFF");
  database.exec("PRAGMA cache_size = -16384");
  if (max_bytes > 0) {
    int64_t pages = std::max<int64_t>(max_bytes / 8192, 16);
    database.exec("PRAGMA max_page_count = " + std::to_string(pages));
  }
}

void Check(SQLite::Database& database, const std::string& path) {
  std::error_code error;
  auto bytes = std::filesystem::file_size(path, error);
  if (error || static_cast<int64_t>(bytes) > kCheckUpToBytes) return;
  SQLite::Statement check(database, "PRAGMA quick_check(1)");
  if (check.executeStep() && check.getColumn(0).getString() != "ok") {
    throw SQLite::Exception(check.getColumn(0).getString(), SQLITE_CORRUPT);
  }
}

}  // namespace

absl::Status ToStatus(const std::string& operation,
                      const SQLite::Exception& error) {
  std::string text = operation + ": " + error.what();
  switch (error.getErrorCode() & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(text);
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(
          text +
          " (the file is damaged: move it and its -wal and -shm away to start "
          "anew)");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::PermissionDeniedError(text);
    default:
      return absl::InternalError(text);
  }
}

absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenForWriting(
    const std::string& path, int64_t max_bytes) {
  std::unique_ptr<SQLite::Database> database;
  PLIMSOLL_RETURN_IF_ERROR(Guard("open store " + path, [&] {
    database = std::make_unique<SQLite::Database>(
        path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    Configure(*database, max_bytes);
    Check(*database, path);
  }));
  PLIMSOLL_RETURN_IF_ERROR(Migrate(*database, CurrentSchemaVersion()));
  return database;
}

absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenForReading(
    const std::string& path) {
  std::unique_ptr<SQLite::Database> database;
  PLIMSOLL_RETURN_IF_ERROR(Guard("open store " + path + " to read", [&] {
    database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READONLY);
    database->setBusyTimeout(5'000);
  }));
  return database;
}

std::string Compress(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  size_t size =
      ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 1);
  out.resize(ZSTD_isError(size) ? 0 : size);
  return out;
}

absl::StatusOr<std::string> Decompress(const void* data, size_t size,
                                       size_t max_bytes) {
  unsigned long long claimed = ZSTD_getFrameContentSize(data, size);
  if (claimed == ZSTD_CONTENTSIZE_ERROR ||
      claimed == ZSTD_CONTENTSIZE_UNKNOWN || claimed > max_bytes) {
    return absl::DataLossError("decompress: bad frame");
  }
  std::string out(claimed, '\0');
  size_t got = ZSTD_decompress(out.data(), out.size(), data, size);
  if (ZSTD_isError(got) || got != claimed) {
    return absl::DataLossError("decompress: damaged frame");
  }
  return out;
}

std::string DocumentText(const SQLite::Column& column) {
  constexpr size_t kMaxDocumentBytes = 64 << 20;
  const void* data = column.getBlob();
  if (data == nullptr) return "null";
  auto json = Decompress(data, static_cast<size_t>(column.getBytes()),
                         kMaxDocumentBytes);
  return json.ok() ? *std::move(json) : "null";
}

}  // namespace plimsoll::collector::store
