// The fleet verbs: thin clients of the collector's API.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/report/comparison_report.h"
#include "cli/report/fleet_report.h"
#include "cli/session/http_client.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

absl::Status RunIncidents(const Options& options, Session& session) {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::string body,
                            HttpGet(options.collector_url, "/api/v1/incidents",
                                    {.token_file = options.token_file}));
  PLIMSOLL_ASSIGN_OR_RETURN(const std::string text,
                            options.json
                                ? FleetJson("incidents", body)
                                : RenderIncidents(body, UnixNs(), options.all,
                                                  session.terminal.style()));
  return session.Print(text);
}

absl::Status RunWorkloads(const Options& options, Session& session) {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::string body,
                            HttpGet(options.collector_url, "/api/v1/workloads",
                                    {.token_file = options.token_file}));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::string text,
      options.json ? FleetJson("workloads", body)
                   : RenderWorkloads(body, session.terminal.style()));
  return session.Print(text);
}

absl::Status RunCompare(const Options& options, Session& session) {
  std::string path = absl::StrCat(
      "/api/v1/compare?workload=", UrlEncoded(options.workload),
      "&a=", UrlEncoded(options.side_a), "&b=", UrlEncoded(options.side_b),
      "&for=", options.for_ns / 1'000'000'000, "s");
  if (!options.attributes.empty()) {
    absl::StrAppend(&path, "&attributes=",
                    UrlEncoded(absl::StrJoin(options.attributes, ",")));
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::string body,
      HttpGet(options.collector_url, path, {.token_file = options.token_file}));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::string text,
      options.json ? FleetJson("compare", body)
                   : RenderComparison(body, session.terminal.style()));
  return session.Print(text);
}

}  // namespace

Verb IncidentsVerb() {
  return {.name = "incidents",
          .summary = "leaks that the collector knows of",
          .help =
              "Each incident is the text of its page: what grows, which "
              "code makes it, which\ntraffic causes it, and how long "
              "until the limit. Shown are those that are open or\nwere "
              "resolved within a day.\n\n"
              "Example:  plimsoll incidents --collector "
              "http://collector:7070",
          .flags = {Flag::kCollector, Flag::kAll},
          .run = &RunIncidents};
}

Verb WorkloadsVerb() {
  return {
      .name = "workloads",
      .summary = "services that the collector hears of",
      .help =
          "WORKLOAD is cluster/namespace/kind/name. GROWTH is a plain "
          "slope of anonymous\nmemory over ten minutes, over all of its "
          "processes: for orientation.\nNO LIMIT: how many of its processes "
          "have no memory limit. If one of them leaks,\nits node is what "
          "dies. VERDICT: the cause of its incident, or what the last full\n"
          "judgement says of its memory: none, warm-up, load, high-water, "
          "fragmentation,\nor unknown while it is too early to say (hours "
          "after a start).\n\n"
          "Example:  plimsoll workloads --json",
      .flags = {Flag::kCollector},
      .run = &RunWorkloads};
}

Verb CompareVerb() {
  return {.name = "compare",
          .summary = "two times, regions or versions of one workload",
          .help =
              "A and B are each a region or a version of the workload, a time "
              "(now, 2h: the span\nthat ended two hours ago, unix seconds), or "
              "several such with commas between:\n"
              "region=eu-west-3,time=1d. Growth is compared in all and per "
              "request, so that a\nbusier side is not called a worse one. A "
              "workload that is named without its cluster\nis taken from all "
              "clusters: compare their regions, or cluster=A cluster=B.\n\n"
              "Example:  plimsoll compare ap-southeast-1 eu-west-3 --workload "
              "routing-api\n"
              "          plimsoll compare version=1.4 version=1.5 --workload "
              "routing-api --for 2h",
          .flags = {Flag::kSides, Flag::kFor, Flag::kCollector},
          .default_for = "1h",
          .for_means = "how long a span of each side",
          .run = &RunCompare};
}

}  // namespace plimsoll::cli
