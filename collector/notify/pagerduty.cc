#include "collector/notify/pagerduty.h"

#include <string_view>

#include "collector/core/text/json_writer.h"
#include "collector/notify/payload.h"
#include "collector/notify/text_bounds.h"

namespace plimsoll::collector::notify {
namespace {

constexpr size_t kMostSummary = 1024;
constexpr size_t kMostDedupKey = 255;
constexpr size_t kMostField = 255;
constexpr size_t kMostLink = 2048;
// Ten of them and all else stay far under 512 KB, escapes and all.
constexpr size_t kMostDetail = 4096;

void WriteDetails(const Notification& n, JsonWriter* json) {
  json->Key("custom_details").BeginObject();
  for (const PageLine& line : kPageLines) {
    json->Field(line.caption,
                Bounded(At(n.annotations, line.annotation), kMostDetail));
  }
  json->Field("incident", Bounded(n.incident_id, kMostField)).EndObject();
}

void WriteLink(std::string_view href, const char* text, JsonWriter* json) {
  // A link that is cut leads nowhere.
  if (href.empty() || href.size() > kMostLink) return;
  json->BeginObject().Field("href", href).Field("text", text).EndObject();
}

}  // namespace

std::string PagerDutyBody(const Notification& n,
                          const std::string& routing_key) {
  JsonWriter json;
  json.BeginObject()
      .Field("routing_key", routing_key)
      .Field("event_action", n.resolved ? "resolve" : "trigger")
      .Field("dedup_key", Bounded("plimsoll/" + n.incident_id, kMostDedupKey));
  // A resolve is taken without a payload; with one its log says why.
  const std::string_view title = At(n.annotations, "summary");
  const std::string_view end = At(n.annotations, "resolved");
  const std::string summary =
      n.resolved ? "resolved: " + std::string(end) : std::string(title);
  const std::string_view pod = At(n.annotations, "worst");
  const std::string_view workload = At(n.labels, "workload");
  json.Key("payload").BeginObject();
  json.Field("summary",
             Bounded(summary.empty() ? "a memory leak" : summary, kMostSummary))
      .Field("source", Bounded(!pod.empty()       ? pod
                               : workload.empty() ? "plimsoll"
                                                  : workload,
                               kMostField))
      .Field("severity", n.Status() == "page" ? "critical" : "warning")
      .Field("timestamp",
             FormatRfc3339(n.resolved ? n.ends_at_ns : n.starts_at_ns))
      .Field("component", Bounded(workload, kMostField))
      .Field("group", Bounded(std::string(At(n.labels, "cluster")) + "/" +
                                  std::string(At(n.labels, "namespace")),
                              kMostField))
      .Field("class", Bounded(At(n.labels, "cause"), kMostField));
  WriteDetails(n, &json);
  json.EndObject();
  json.Field("client", "Plimsoll");
  if (n.generator_url.size() <= kMostLink) {
    json.Field("client_url", n.generator_url);
  }
  json.Key("links").BeginArray();
  WriteLink(n.generator_url, "Incident and evidence", &json);
  WriteLink(At(n.annotations, "runbook_url"), "Runbook", &json);
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace plimsoll::collector::notify
