// What uWSGI says of its workers on its stats server (--stats), and where that
// server is: https://uwsgi-docs.readthedocs.io/en/latest/StatsServer.html.
// Pure; any thread. Arguments, ini file and statistics are the target's.
#ifndef PLIMSOLL_AGENT_WORKLOAD_UWSGI_STATS_H_
#define PLIMSOLL_AGENT_WORKLOAD_UWSGI_STATS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace plimsoll::workload {

inline constexpr char kUwsgiMetric[] = "uwsgi_requests_total";

struct UwsgiWorker {
  int32_t pid = 0;  // in uWSGI's PID namespace
  // Of this very process: a worker that is started anew in the place of
  // another begins at 0 (delta_requests; requests where that is not there).
  double requests = 0;
};

// With or without a head of HTTP before it (--stats-http). Workers that do not
// run (pid 0) are left out. kInvalidArgument: no such statistics.
absl::StatusOr<std::vector<UwsgiWorker>> ParseUwsgiStats(std::string_view text);

// As a command line or an ini file names the stats server.
struct UwsgiOptions {
  std::string stats;                   // "" when it is not there
  bool http = false;                   // it waits for a request of HTTP
  std::vector<std::string> ini_files;  // at most 4, as written
};
UwsgiOptions ParseUwsgiArguments(const std::vector<std::string>& arguments);
// Section [uwsgi] only; what it includes is not followed.
UwsgiOptions ParseUwsgiIni(std::string_view text);

struct StatsAddress {
  enum class Kind : uint8_t { kPath, kAbstract, kPort };
  Kind kind = Kind::kPath;
  std::string path;  // of a file, from the root or from its directory; or the
                     // abstract name without its "@"
  int port = 0;
};

// "127.0.0.1:1717", ":1717", "/run/stats.sock", "@name". kInvalidArgument: none
// of these, or with a placeholder that only uWSGI can fill.
absl::StatusOr<StatsAddress> ParseStatsAddress(std::string_view text);

}  // namespace plimsoll::workload

#endif  // PLIMSOLL_AGENT_WORKLOAD_UWSGI_STATS_H_
