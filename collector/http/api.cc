#include "collector/http/api.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "collector/core/text/json_writer.h"
#include "collector/http/html.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::http {
namespace {

constexpr char kHtml[] = "text/html; charset=utf-8";

int HttpStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return 503;
    default:
      return 500;
  }
}

Response Problem(int status, std::string_view text) {
  JsonWriter json;
  json.BeginObject().Field("error", text).EndObject();
  return {status, "application/json", json.Take() + "\n"};
}

Response Answer(absl::StatusOr<std::string> body) {
  if (!body.ok()) {
    return Problem(HttpStatus(body.status()),
                   std::string(body.status().message()));
  }
  return {200, "application/json", *std::move(body) + "\n"};
}

// For people, who come by a link that may be old.
Response Page(absl::StatusOr<std::string> page) {
  if (page.ok()) return {200, kHtml, *std::move(page) + "\n"};
  Html html(std::string(page.status().message()), 0);
  html.Raw("<p>").Link("/", "Fleet").Raw("</p>");
  return {HttpStatus(page.status()), kHtml, html.Take() + "\n"};
}

std::optional<ProcessKey> ParseKey(std::string_view text) {
  ProcessKey key = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), key);
  if (error != std::errc() || end != text.data() + text.size() || key <= 0) {
    return std::nullopt;
  }
  return key;
}

// Removes `prefix` from the front of `text`.
bool Consume(std::string_view* text, std::string_view prefix) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

Response HandleProcess(const ApiPorts& ports, std::string_view rest,
                       const Request& request) {
  size_t slash = rest.find('/');
  std::optional<ProcessKey> key = ParseKey(rest.substr(0, slash));
  if (!key) return Problem(400, "a process is named by its key, a number");
  if (slash == std::string_view::npos) return Answer(ProcessJson(ports, *key));
  std::string_view what = rest.substr(slash + 1);
  if (what == "series") return Answer(SeriesJson(ports, *key, request));
  if (what == "stacks") return Answer(StacksJson(ports, *key));
  return Problem(404, "no such thing of a process: series, stacks");
}

Response HandleApi(const ApiPorts& ports, std::string_view rest,
                   const Request& request) {
  if (rest == "openapi.json") return Answer(std::string(OpenApi()));
  if (rest == "board") return Answer(BoardJson(ports));
  if (rest == "coverage") return Answer(CoverageJson(ports));
  if (rest == "workload") return Answer(WorkloadJson(ports, request));
  if (rest == "types") return Answer(TypesJson(ports, request));
  if (rest == "stacks") return Answer(WorkloadStacksJson(ports, request));
  if (rest == "attributes") return Answer(AttributesJson(ports, request));
  if (rest == "compare") return Answer(CompareJson(ports, request));
  if (rest == "workloads") return Answer(WorkloadsJson(ports));
  if (rest == "processes") {
    return Answer(ProcessesJson(ports, request.query.count("all") > 0));
  }
  if (rest == "incidents") return Answer(IncidentsJson(ports));
  if (rest == "nodes") return Answer(NodesJson(ports));
  if (Consume(&rest, "processes/")) return HandleProcess(ports, rest, request);
  if (Consume(&rest, "incidents/")) {
    return Answer(IncidentJson(ports, std::string(rest)));
  }
  return Problem(404,
                 "no such resource; /api/v1/openapi.json lists what there is");
}

}  // namespace

Response Api::Handle(const Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    return Problem(405, "only GET is answered here");
  }
  std::string_view path = request.path;
  if (path == "/") return Page(FleetPage(ports_));
  if (path == "/healthz") return {200, "text/plain", "ok\n"};
  if (path == "/readyz") {
    absl::Status ready = ports_.ready();
    if (ready.ok()) return {200, "text/plain", "ready\n"};
    return {503, "text/plain", std::string(ready.message()) + "\n"};
  }
  if (path == "/metrics") {
    return {200, "text/plain; version=0.0.4; charset=utf-8",
            MetricsText(ports_)};
  }
  if (Consume(&path, "/api/v1/")) return HandleApi(ports_, path, request);
  // Pages of an incident link here.
  if (path == "/runbook") return Page(RunbookPage());
  if (Consume(&path, "/incidents/")) {
    return Page(IncidentPage(ports_, std::string(path)));
  }
  if (Consume(&path, "/processes/")) {
    std::optional<ProcessKey> key = ParseKey(path);
    if (key) return Page(ProcessPage(ports_, *key));
  }
  return Page(absl::NotFoundError("nothing here; the API is under /api/v1/"));
}

}  // namespace plimsoll::collector::http
