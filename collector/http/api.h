// What the collector answers over HTTP: JSON under /api/v1, the page at /, and
// /metrics, /healthz, /readyz. Reads ports of collector/core only; no sockets,
// so that tests call Handle directly. Any thread, several at a time.
//
//   GET /api/v1/openapi.json                 all of the below, for programs
//   GET /api/v1/board                        totals, workloads[] with incidents
//   GET /api/v1/workloads                    workloads[], steepest first
//   GET /api/v1/workload?workload=W          its members[] and incidents[]
//   GET /api/v1/types?workload=W|process=K   types[], and what changed
//   GET /api/v1/stacks?workload=W|process=K  stacks[], newest first; refusals[]
//   GET /api/v1/attributes?workload=W|process=K  requests by attributes
//   GET /api/v1/compare?workload=W&a=A&b=B   two times, regions or versions
//   GET /api/v1/coverage                     tiers, losses, notifiers
//   GET /api/v1/processes[?all=1]            processes[]; without all: alive
//   GET /api/v1/processes/KEY                the newest of every tier
//   GET /api/v1/processes/KEY/series         series[]{metric, label}
//       ?metric=M[&label=L][&from=S][&to=S]  samples[][unix_s, value]
//   GET /api/v1/processes/KEY/stacks         stacks[], holders[]
//   GET /api/v1/incidents[/ID]               incidents[], open ones first
//   GET /api/v1/nodes                        nodes[], with their losses
// W is cluster/namespace/kind/name, or the name alone where it is the only one.
// Shapes: openapi.json beside this file; a test holds each answer against it.
// Times are unix seconds, sizes bytes. Errors: {"error": "..."} and a status.
#ifndef PLIMSOLL_COLLECTOR_HTTP_API_H_
#define PLIMSOLL_COLLECTOR_HTTP_API_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/core/engine/engine.h"
#include "collector/core/ingest/fleet_board.h"
#include "collector/core/ingest/loss_counter.h"
#include "collector/core/ingest/refusal_counter.h"
#include "collector/core/ingest/request_source_status.h"
#include "collector/core/ports.h"
#include "collector/http/http_server.h"

namespace plimsoll::collector::http {

// None is owned; all outlive the API. Functions are called from any thread.
struct ApiPorts {
  const FleetReader* reader = nullptr;
  const FleetBoard* board = nullptr;
  const LossCounter* losses = nullptr;
  const RefusalCounter* refusals = nullptr;
  std::function<absl::StatusOr<std::vector<Incident>>()> incidents;
  // Workloads without a leak; may be empty.
  std::function<std::map<WorkloadName, ShownVerdict>()> shown;
  std::function<EngineCounters()> engine_counters;
  std::function<std::vector<std::string>()> connected_agents;
  std::function<std::vector<TargetStatus>()> notifiers;
  std::function<std::vector<SilenceSourceStatus>()> silence_sources;
  std::function<std::vector<RequestSourceStatus>()> request_sources;
  std::function<absl::Status()> ready;
  std::function<int64_t()> now_ns;
  std::string version;
};

class Api {
 public:
  explicit Api(ApiPorts ports) : ports_(std::move(ports)) {}
  Response Handle(const Request& request) const;

 private:
  ApiPorts ports_;
};

// Not known to have ended, and heard of in the last ten minutes: a node that is
// lost takes its processes with it.
inline bool IsAlive(const ProcessInfo& process, int64_t now_ns) {
  return !process.exited &&
         now_ns - process.last_seen_ns < int64_t{600} * 1'000'000'000;
}

// What people see of a workload: its processes summed up.
struct WorkloadRow {
  WorkloadName name;
  std::vector<std::string> regions, versions;  // sorted
  int64_t processes = 0;                       // alive
  double rss_bytes = 0;                        // of those, newest samples
  // Least-squares slope of anonymous memory over the last ten minutes, summed
  // over the processes that have two minutes of it at least. Not a verdict:
  // sawtooth and warm-up are in it.
  std::optional<double> anon_bytes_per_s;
  int64_t slope_processes = 0;
  // Of those alive: in a cgroup, and no memory limit is set on the way up. What
  // dies by their growth is the node.
  int64_t no_limit = 0;
  // Of its incident that fires, else of the last full judgement.
  Verdict verdict = Verdict::kUnknown;
  std::string verdict_why;
};

// Steepest first.
absl::StatusOr<std::vector<WorkloadRow>> Workloads(const ApiPorts& ports);

// The answers, each in its file.
absl::StatusOr<std::string> WorkloadsJson(const ApiPorts& ports);
absl::StatusOr<std::string> BoardJson(const ApiPorts& ports);
absl::StatusOr<std::string> CoverageJson(const ApiPorts& ports);
absl::StatusOr<std::string> WorkloadJson(const ApiPorts& ports,
                                         const Request& request);
absl::StatusOr<std::string> TypesJson(const ApiPorts& ports,
                                      const Request& request);
absl::StatusOr<std::string> WorkloadStacksJson(const ApiPorts& ports,
                                               const Request& request);
absl::StatusOr<std::string> AttributesJson(const ApiPorts& ports,
                                           const Request& request);
absl::StatusOr<std::string> CompareJson(const ApiPorts& ports,
                                        const Request& request);
std::string_view OpenApi();  // the file, as it was built in
absl::StatusOr<std::string> ProcessesJson(const ApiPorts& ports, bool all);
absl::StatusOr<std::string> ProcessJson(const ApiPorts& ports, ProcessKey key);
absl::StatusOr<std::string> SeriesJson(const ApiPorts& ports, ProcessKey key,
                                       const Request& request);
absl::StatusOr<std::string> StacksJson(const ApiPorts& ports, ProcessKey key);
absl::StatusOr<std::string> IncidentsJson(const ApiPorts& ports);
absl::StatusOr<std::string> IncidentJson(const ApiPorts& ports,
                                         const std::string& id);
absl::StatusOr<std::string> NodesJson(const ApiPorts& ports);
std::string MetricsText(const ApiPorts& ports);
absl::StatusOr<std::string> FleetPage(const ApiPorts& ports);
absl::StatusOr<std::string> ProcessPage(const ApiPorts& ports, ProcessKey key);
absl::StatusOr<std::string> IncidentPage(const ApiPorts& ports,
                                         const std::string& id);
std::string RunbookPage();
absl::StatusOr<Incident> FindIncident(const ApiPorts& ports,
                                      const std::string& id);

}  // namespace plimsoll::collector::http

#endif  // PLIMSOLL_COLLECTOR_HTTP_API_H_
