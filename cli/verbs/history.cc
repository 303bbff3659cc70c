#include "cli/verbs/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/report/prometheus_samples.h"
#include "cli/report/text.h"
#include "cli/session/http_client.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::cli {
namespace {

constexpr size_t kChunkBytes = 1 << 20;
constexpr int64_t kDefaultSinceNs = 14LL * 86400 * 1'000'000'000;
// Seconds that one query asks for.
constexpr double kFirstPiece_s = 3600, kMostPiece_s = 86400,
                 kLeastPiece_s = 300;
constexpr size_t kSmallAnswerBytes = 8 << 20;

absl::Status Ended() { return absl::CancelledError("ended by Ctrl-C"); }

absl::StatusOr<UniqueFd> Open(const std::string& path) {
  if (path == "-") return UniqueFd(::dup(STDIN_FILENO));
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    // Not kNotFound: that is a process that is not there.
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", std::strerror(errno)));
  }
  return fd;
}

int64_t SizeOf(const UniqueFd& fd) {
  struct stat status {};
  return ::fstat(fd.get(), &status) == 0 ? int64_t{status.st_size} : 0;
}

absl::Status ReadFile(const std::string& path, Session& session,
                      Progress& progress, collector::MetricTextReader& reader) {
  PLIMSOLL_ASSIGN_OR_RETURN(const UniqueFd fd, Open(path));
  const int64_t size = SizeOf(fd);
  std::vector<char> chunk(kChunkBytes);
  int64_t done = 0;
  while (true) {
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, "read " + path);
    if (got == 0) break;
    reader.Feed({chunk.data(), static_cast<size_t>(got)});
    done += got;
    progress.Show(absl::StrCat("reading ", path, ", ", FormatBytes(done),
                               size > 0 ? " of " + FormatBytes(size) : ""));
    if (session.interrupt.Requested()) return Ended();
  }
  reader.Finish();
  return absl::OkStatus();
}

void NameBadLines(const std::string& path,
                  const collector::MetricTextReader& reader, Notes& notes) {
  const collector::BadLines& bad = reader.bad();
  if (bad.count == 0) return;
  std::string note =
      absl::StrCat(path, ": ", FormatCount(bad.count), " of ",
                   FormatCount(reader.lines()), " lines could not be read:");
  for (const auto& named : bad.first) {
    absl::StrAppend(&note, " line ", named.line, " (", named.why, ")");
  }
  if (bad.count > static_cast<int64_t>(bad.first.size())) note += " ...";
  notes.push_back(std::move(note));
}

constexpr std::array<std::string_view, 7> kMetrics = {
    "container_memory_rss",
    "container_memory_working_set_bytes",
    "process_resident_memory_bytes",
    "container_spec_memory_limit_bytes",
    "process_start_time_seconds",
    "kube_pod_container_status_restarts_total",
    "plimsoll_anon_bytes"};

// One metric between two times, oldest first.
class MetricQuery {
 public:
  MetricQuery(const Options& options, std::string metric)
      : url_(options.prometheus_url), metric_(std::move(metric)) {}

  // True when there is anything to ask for.
  absl::StatusOr<bool> Exists(double from, double to) const {
    PLIMSOLL_ASSIGN_OR_RETURN(
        const std::string body,
        Get(absl::StrCat("last_over_time(", metric_, "[",
                         static_cast<int64_t>(to - from) + 1, "s])"),
            to));
    PLIMSOLL_ASSIGN_OR_RETURN(
        const int64_t samples,
        ReadPrometheusSamples(body, [](const collector::MetricSample&) {}));
    return samples > 0;
  }

  // The next piece from `at` on; where it ended.
  absl::StatusOr<double> Piece(double at, double to,
                               collector::Recording& recording) {
    while (true) {
      const double end = std::min(to, at + piece_s_);
      const auto body = Get(
          absl::StrCat(metric_, "[", static_cast<int64_t>(end - at) + 1, "s]"),
          end);
      // Too many samples for Prometheus, or too long an answer for us.
      if (!body.ok() && piece_s_ > kLeastPiece_s) {
        piece_s_ = std::max(kLeastPiece_s, piece_s_ / 4);
        continue;
      }
      PLIMSOLL_RETURN_IF_ERROR(body.status());
      PLIMSOLL_RETURN_IF_ERROR(
          ReadPrometheusSamples(*body, [&](const collector::MetricSample& s) {
            recording.Add(s);
          }).status());
      if (body->size() < kSmallAnswerBytes) {
        piece_s_ = std::min(kMostPiece_s, 2 * piece_s_);
      }
      return end;
    }
  }

 private:
  absl::StatusOr<std::string> Get(const std::string& query, double at) const {
    return HttpGet(url_, PrometheusQueryPath(query, at),
                   {.who = "the Prometheus", .remedy = ""});
  }

  const std::string url_, metric_;
  double piece_s_ = kFirstPiece_s;
};

}  // namespace

absl::Status ReadMetricsFiles(const Options& options, Session& session,
                              Progress& progress,
                              collector::Recording& recording, Notes& notes) {
  for (const std::string& path : options.metrics_files) {
    collector::MetricTextReader reader(
        [&recording](const collector::MetricSample& sample) {
          return recording.Add(sample);
        });
    PLIMSOLL_RETURN_IF_ERROR(ReadFile(path, session, progress, reader));
    NameBadLines(path, reader, notes);
  }
  return absl::OkStatus();
}

absl::Status ReadPrometheus(const Options& options, Session& session,
                            Progress& progress,
                            collector::Recording& recording) {
  const double to = static_cast<double>(UnixNs()) / 1e9;
  const int64_t since =
      options.since_ns > 0 ? options.since_ns : kDefaultSinceNs;
  const double from = to - static_cast<double>(since) / 1e9;
  std::vector<std::string> metrics(kMetrics.begin(), kMetrics.end());
  if (!options.requests_metric.empty()) {
    metrics.push_back(options.requests_metric);
  }
  for (const std::string& metric : metrics) {
    MetricQuery query(options, metric);
    PLIMSOLL_ASSIGN_OR_RETURN(const bool exists, query.Exists(from, to));
    for (double at = from; exists && at < to;) {
      PLIMSOLL_ASSIGN_OR_RETURN(at, query.Piece(at, to, recording));
      progress.Show(absl::StrCat(
          "asking for ", metric, ", ",
          static_cast<int>(100 * (at - from) / (to - from)), " %"));
      if (session.interrupt.Requested()) return Ended();
    }
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::cli
