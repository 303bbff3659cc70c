// The fleet verbs: thin clients of the collector's API.
#include "cli/fleet_report.h"
#include "cli/http_client.h"
#include "cli/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

absl::Status RunIncidents(const Options& options, Session& session) {
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::string body,
      HttpGet(options.collector_url, "/api/v1/incidents"));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::string text,
      options.json ? FleetJson("incidents", body)
                   : RenderIncidents(body, UnixNs(), session.terminal.style()));
  return session.Print(text);
}

absl::Status RunWorkloads(const Options& options, Session& session) {
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::string body,
      HttpGet(options.collector_url, "/api/v1/workloads"));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::string text,
      options.json ? FleetJson("workloads", body)
                   : RenderWorkloads(body, session.terminal.style()));
  return session.Print(text);
}

}  // namespace

Verb IncidentsVerb() {
  return {.name = "incidents",
          .summary = "leaks that the collector knows of",
          .help =
              "Each incident is the text of its page: what grows, which "
              "code makes it, which\ntraffic causes it, and how long "
              "until the limit.\n\n"
              "Example:  plimsoll incidents --collector "
              "http://collector:7070",
          .flags = {Flag::kCollector},
          .run = &RunIncidents};
}

Verb WorkloadsVerb() {
  return {.name = "workloads",
          .summary = "services that the collector hears of",
          .help =
              "WORKLOAD is cluster/namespace/kind/name.\n\n"
              "Example:  plimsoll workloads --json",
          .flags = {Flag::kCollector},
          .run = &RunWorkloads};
}

}  // namespace plimsoll::cli
