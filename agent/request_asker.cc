#include "agent/request_asker.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "agent/procfs/read_file.h"
#include "agent/workload/metrics_text.h"
#include "agent/workload/stats_client.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

using procfs::ListeningSocket;

std::set<uint64_t> InodesOf(const std::vector<ListeningSocket>& sockets) {
  std::set<uint64_t> inodes;
  for (const ListeningSocket& socket : sockets) inodes.insert(socket.inode);
  return inodes;
}

// What the process itself has open of `listeners`; `masters_too` adds what the
// master has that it was forked from.
absl::StatusOr<std::vector<ListeningSocket>> OwnOf(
    const procfs::ProcRoot& proc, int32_t pid,
    const std::vector<ListeningSocket>& listeners, bool masters_too) {
  const std::set<uint64_t> inodes = InodesOf(listeners);
  PLIMSOLL_ASSIGN_OR_RETURN(std::set<uint64_t> open,
                            procfs::ReadOpenSockets(proc, pid, inodes));
  const int32_t master = masters_too ? procfs::ReadMaster(proc, pid) : 0;
  if (master != 0) {
    const auto more = procfs::ReadOpenSockets(proc, master, inodes);
    if (more.ok()) open.insert(more->begin(), more->end());
  }
  std::vector<ListeningSocket> own;
  for (const ListeningSocket& socket : listeners) {
    if (open.contains(socket.inode)) own.push_back(socket);
  }
  return own;
}

// The port that is asked for, or the only one there is.
absl::StatusOr<int> PortOf(const core::MetricsEndpoint& endpoint,
                           const std::vector<ListeningSocket>& own) {
  if (endpoint.port != 0) return endpoint.port;
  std::set<int> ports;
  for (const ListeningSocket& socket : own) ports.insert(socket.port);
  if (ports.size() == 1) return *ports.begin();
  return absl::FailedPreconditionError(
      "it listens on " + std::to_string(ports.size()) +
      " ports, and nothing says which one has its metrics (annotation "
      "prometheus.io/port, or request_rules)");
}

struct Sharers {
  int all = 0;
  int twins = 0;
};

// Others that may get a connection to `address` in its place: those that have
// inherited its sockets, and those that listen there with one of their own
// (SO_REUSEPORT). Workers that are forked one after the other often start in
// the same tick of the clock, and then their start tells nothing; nor does that
// of whoever is not a relative and so not known.
Sharers FindSharers(const procfs::ProcRoot& proc, const core::ProcessId& id,
                    int port, const std::string& address,
                    const std::vector<ListeningSocket>& listeners,
                    const std::vector<ListeningSocket>& own) {
  std::set<uint64_t> inodes = InodesOf(own);
  std::set<uint64_t> foreign;
  for (const ListeningSocket& socket : listeners) {
    if (socket.port == port && !inodes.contains(socket.inode) &&
        (socket.IsAny() || socket.address == address)) {
      foreign.insert(socket.inode);
    }
  }
  inodes.insert(foreign.begin(), foreign.end());
  Sharers sharers;
  for (const int32_t relative : procfs::ReadRelatives(proc, id.pid)) {
    const auto open = procfs::ReadOpenSockets(proc, relative, inodes);
    const auto stat = proc.ReadStat(relative);
    if (!open.ok() || open->empty() || !stat.ok()) continue;
    for (const uint64_t inode : *open) foreign.erase(inode);
    ++sharers.all;
    sharers.twins += stat->start_ticks == id.start_ticks ? 1 : 0;
  }
  const int unknown = static_cast<int>(foreign.size());
  return {sharers.all + unknown, sharers.twins + unknown};
}

}  // namespace

RequestAsker::RequestAsker(procfs::ProcRoot proc,
                           workload::RequestFilter filter,
                           const std::atomic<bool>* stop, int64_t timeout_ns)
    : proc_(std::move(proc)),
      filter_(std::move(filter)),
      timeout_ns_(timeout_ns),
      client_(stop, timeout_ns) {}

// A pid may have been given away while it was looked at.
absl::Status RequestAsker::CheckAlive(const core::ProcessId& id) const {
  PLIMSOLL_ASSIGN_OR_RETURN(const procfs::ProcStat stat,
                            proc_.ReadStat(id.pid));
  return stat.start_ticks == id.start_ticks
             ? absl::OkStatus()
             : absl::NotFoundError("process " + std::to_string(id.pid) +
                                   " has ended");
}

absl::StatusOr<core::RequestAnswer> RequestAsker::Ask(
    const core::RequestQuestion& question) {
  absl::StatusOr<core::RequestAnswer> answer =
      absl::NotFoundError("neither metrics nor statistics were asked for");
  if (question.metrics) answer = AskMetrics(question);
  if (!answer.ok() && question.uwsgi) {
    auto uwsgi = AskUwsgi(question);
    // What somebody asked for by name is the reason that is told.
    if (uwsgi.ok() || !question.metrics) answer = std::move(uwsgi);
  }
  if (answer.ok()) {
    PLIMSOLL_RETURN_IF_ERROR(CheckAlive(question.id));
  }
  return answer;
}

absl::StatusOr<bool> RequestAsker::InOwnNamespace(int32_t pid) const {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::string theirs,
                            procfs::ReadNetworkNamespace(proc_, pid));
  PLIMSOLL_ASSIGN_OR_RETURN(const std::string ours,
                            procfs::ReadNetworkNamespace(proc_, 0));
  return theirs == ours;
}

absl::StatusOr<std::string> RequestAsker::AddressOf(
    const core::RequestQuestion& question,
    const std::vector<ListeningSocket>& own) const {
  PLIMSOLL_ASSIGN_OR_RETURN(const bool in_ours,
                            InOwnNamespace(question.id.pid));
  const bool any = std::any_of(own.begin(), own.end(),
                               [](const auto& s) { return s.IsAny(); });
  if (in_ours) return any ? "127.0.0.1" : own.front().address;
  if (question.pod_ip.empty()) {
    return absl::FailedPreconditionError(
        "it is in a network namespace of its own, and the address of its pod "
        "is not known");
  }
  const bool only_loopback = std::all_of(
      own.begin(), own.end(), [](const auto& s) { return s.IsLoopback(); });
  if (only_loopback) {
    return absl::FailedPreconditionError(
        "it listens on port " + std::to_string(own.front().port) +
        " on the loopback of its own network namespace only");
  }
  return question.pod_ip;
}

// `port` 0: of its metrics, as the question says; else of its stats server.
absl::StatusOr<RequestAsker::Place> RequestAsker::FindPlace(
    const core::RequestQuestion& question, int port) const {
  const int32_t pid = question.id.pid;
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<ListeningSocket> listeners,
                            procfs::ReadListeners(proc_, pid));
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<ListeningSocket> own,
                            OwnOf(proc_, pid, listeners, port != 0));
  Place place;
  place.port = port;
  if (port == 0) {
    PLIMSOLL_ASSIGN_OR_RETURN(place.port, PortOf(*question.metrics, own));
  }
  std::erase_if(own, [&](const auto& s) { return s.port != place.port; });
  if (own.empty()) {
    return absl::FailedPreconditionError(
        "it does not listen on port " + std::to_string(place.port) + " itself");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(place.address, AddressOf(question, own));
  const Sharers sharers = FindSharers(proc_, question.id, place.port,
                                      place.address, listeners, own);
  place.sharers = sharers.all;
  place.twins = sharers.twins;
  return place;
}

absl::StatusOr<core::RequestAnswer> RequestAsker::AskMetrics(
    const core::RequestQuestion& question) {
  PLIMSOLL_RETURN_IF_ERROR(CheckAlive(question.id));
  PLIMSOLL_ASSIGN_OR_RETURN(const Place place, FindPlace(question, 0));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const workload::MetricsAnswer page,
      client_.Get(place.address, place.port, question.metrics->path));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const workload::MetricsFormat format,
      workload::ParseMetricsContentType(page.content_type));
  PLIMSOLL_ASSIGN_OR_RETURN(
      workload::MetricsText text,
      workload::ParseMetricsText(page.body, format, filter_));
  core::RequestAnswer answer;
  answer.counts = FilterRequests(filter_, std::move(text.counts));
  answer.counts.source = "metrics";
  answer.start_unix_s = text.start_unix_s;
  answer.first_created_unix_s = text.first_created_unix_s;
  if (text.pid && *text.pid <= INT32_MAX) {
    answer.answering_pid = static_cast<int32_t>(*text.pid);
  }
  answer.sharers = place.sharers;
  answer.twins = place.twins;
  if (answer.counts.counts.empty()) {
    return absl::NotFoundError(
        "its metrics have no request counter, such as http_requests_total; "
        "request_metrics may name another");
  }
  return answer;
}

absl::StatusOr<RequestAsker::Stats> RequestAsker::FindStats(
    const core::RequestQuestion& question) const {
  const int32_t pid = question.id.pid;
  workload::UwsgiOptions options;
  if (!question.uwsgi_address.empty()) {
    options.stats = question.uwsgi_address;
  } else {
    PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<std::string> arguments,
                              proc_.ReadCmdline(pid));
    options = workload::ParseUwsgiArguments(arguments);
  }
  const std::string cwd = proc_.ReadCwd(pid).value_or("/");
  const auto absolute = [&](const std::string& path) {
    return path.starts_with('/') ? path : cwd + "/" + path;
  };
  for (const std::string& file : options.ini_files) {
    if (!options.stats.empty()) break;
    const auto text =
        procfs::ReadFileInRoot(proc_.PathOf(pid, "root"), absolute(file));
    if (!text.ok()) continue;
    workload::UwsgiOptions ini = workload::ParseUwsgiIni(*text);
    options.stats = std::move(ini.stats);
    options.http |= ini.http;
  }
  if (options.stats.empty()) {
    return absl::NotFoundError(
        "uWSGI without a stats server: start it with --stats, or name that by "
        "request_rules where its command line and ini file do not");
  }
  Stats stats;
  stats.http = options.http;
  PLIMSOLL_ASSIGN_OR_RETURN(stats.address,
                            workload::ParseStatsAddress(options.stats));
  if (stats.address.kind == workload::StatsAddress::Kind::kPath) {
    stats.address.path = absolute(stats.address.path);
  }
  return stats;
}

absl::StatusOr<std::string> RequestAsker::ReadStats(
    const core::RequestQuestion& question, const Stats& stats) const {
  using Kind = workload::StatsAddress::Kind;
  const int32_t pid = question.id.pid;
  workload::StatsReadOptions options = {stats.http, timeout_ns_, {pid}};
  if (const int32_t master = procfs::ReadMaster(proc_, pid); master != 0) {
    options.owners.push_back(master);
  }
  switch (stats.address.kind) {
    case Kind::kPath:
      return workload::ReadUnixStats(proc_.PathOf(pid, "root"),
                                     stats.address.path, options);
    case Kind::kAbstract: {
      PLIMSOLL_ASSIGN_OR_RETURN(const bool in_ours, InOwnNamespace(pid));
      if (!in_ours) {
        return absl::FailedPreconditionError(
            "its stats server has an abstract name in a network namespace of "
            "its own: give it a file or a port");
      }
      return workload::ReadAbstractStats(stats.address.path, options);
    }
    case Kind::kPort:
      break;
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const Place place,
                            FindPlace(question, stats.address.port));
  return workload::ReadTcpStats(place.address, place.port, options);
}

absl::StatusOr<core::RequestAnswer> RequestAsker::AskUwsgi(
    const core::RequestQuestion& question) {
  PLIMSOLL_RETURN_IF_ERROR(CheckAlive(question.id));
  PLIMSOLL_ASSIGN_OR_RETURN(const Stats stats, FindStats(question));
  PLIMSOLL_ASSIGN_OR_RETURN(const std::string text, ReadStats(question, stats));
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<workload::UwsgiWorker> workers,
                            workload::ParseUwsgiStats(text));
  const auto self = std::find_if(
      workers.begin(), workers.end(),
      [&](const auto& worker) { return worker.pid == question.namespace_pid; });
  if (self == workers.end()) {
    return absl::NotFoundError(
        "uWSGI's statistics name it as no worker: the master answers nobody");
  }
  core::RequestAnswer answer;
  std::vector<core::RequestCount> counts;
  counts.push_back({workload::kUwsgiMetric, {}, self->requests, false});
  answer.counts = FilterRequests(filter_, std::move(counts));
  answer.counts.source = "uwsgi";
  if (answer.counts.counts.empty()) {
    return absl::NotFoundError(
        "request_metrics leaves out uwsgi_requests_total");
  }
  return answer;
}

}  // namespace plimsoll::agent
