#include "agent/workload/request_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "agent/workload/multiprocess_file.h"
#include "plimsoll/base/open_in_root.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::workload {
namespace {

constexpr size_t kMaxFileBytes = 8 << 20;
constexpr size_t kMaxFiles = 16;

enum class FileKind : uint8_t { kOther, kCounter, kGauge };

// "/run/metrics/counter_17.db" and "gauge_livesum_17.db" for 17: only those of
// this process (a fresh fork still maps its parent's file). Whatever the mode
// of a gauge, its file holds this process' own value.
FileKind KindFor(std::string_view path, int32_t pid) {
  size_t slash = path.rfind('/');
  std::string_view name =
      slash == std::string_view::npos ? path : path.substr(slash + 1);
  const std::string end = "_" + std::to_string(pid) + ".db";
  if (name == "counter" + end) return FileKind::kCounter;
  return name.starts_with("gauge_") && name.ends_with(end) ? FileKind::kGauge
                                                           : FileKind::kOther;
}

absl::StatusOr<std::string> ReadRegularFile(const std::string& root,
                                            const std::string& path) {
  PLIMSOLL_ASSIGN_OR_RETURN(UniqueFd fd, OpenInRoot(root, path));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return absl::ErrnoToStatus(errno, "stat " + path);
  }
  if (!S_ISREG(status.st_mode) || status.st_size < 0 ||
      static_cast<size_t>(status.st_size) > kMaxFileBytes) {
    return absl::InvalidArgumentError(path + " is no file of a usual size");
  }
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return absl::ErrnoToStatus(errno, "read " + path);
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

absl::Status Explained(const absl::Status& status, const std::string& path) {
  if (!absl::IsPermissionDenied(status)) return status;
  return absl::PermissionDeniedError(
      "the counter file " + path +
      " is closed to the agent: grant CAP_DAC_READ_SEARCH");
}

}  // namespace

std::vector<std::string> MappedDatabases(
    const std::vector<core::Mapping>& mappings) {
  std::set<std::string> files;
  for (const core::Mapping& mapping : mappings) {
    if (mapping.shared && mapping.path.ends_with(".db")) {
      files.insert(mapping.path);
    }
  }
  return {files.begin(), files.end()};
}

absl::StatusOr<core::RequestCounts> RequestReader::Read(
    const RequestSource& source, int64_t* bad_files) const {
  std::map<std::string, FileKind> paths;
  for (const std::string& file : source.files) {
    const FileKind kind = KindFor(file, source.namespace_pid);
    if (kind != FileKind::kOther && file.starts_with('/') &&
        paths.size() < kMaxFiles) {
      paths[file] = kind;
    }
  }
  if (paths.empty() && source.directory.starts_with('/')) {
    paths[source.directory + "/counter_" +
          std::to_string(source.namespace_pid) + ".db"] = FileKind::kCounter;
  }
  std::vector<core::RequestCount> counts;
  absl::Status problem = absl::NotFoundError(
      "no counter file of prometheus_client's multiprocess mode");
  bool any = false;
  for (const auto& [path, kind] : paths) {
    auto bytes = ReadRegularFile(source.root, path);
    if (absl::IsNotFound(bytes.status())) continue;
    auto parsed =
        bytes.ok()
            ? ParseMultiprocessFile(*bytes)
            : absl::StatusOr<std::vector<core::RequestCount>>(bytes.status());
    if (!parsed.ok()) {
      problem = Explained(parsed.status(), path);
      ++*bad_files;
      continue;
    }
    any = true;
    for (core::RequestCount& count : *parsed) {
      count.gauge = kind == FileKind::kGauge;
    }
    std::move(parsed->begin(), parsed->end(), std::back_inserter(counts));
  }
  if (!any) return problem;
  core::RequestCounts result = FilterRequests(filter_, std::move(counts));
  result.source = "prometheus-multiprocess";
  return result;
}

}  // namespace plimsoll::workload
