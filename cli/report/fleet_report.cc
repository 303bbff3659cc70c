#include "cli/report/fleet_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/report/document.h"
#include "cli/report/duration.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

using nlohmann::ordered_json;

absl::StatusOr<ordered_json> ParseBody(std::string_view body) {
  ordered_json document = ordered_json::parse(body, nullptr, false);
  if (!document.is_object()) {
    return absl::InternalError("the collector's answer is not a JSON object");
  }
  return document;
}

std::string TextAt(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : "";
}

double NumberAt(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

constexpr double kMostInteger = 9e18;

// Rounded; 0 for what no int64_t holds.
int64_t IntegerAt(const ordered_json& object, const char* key) {
  const double value = NumberAt(object, key);
  return std::abs(value) < kMostInteger ? std::llround(value) : 0;
}

// The array's objects; nothing where it is missing or of another type.
std::vector<ordered_json> ObjectsAt(const ordered_json& document,
                                    const char* key) {
  std::vector<ordered_json> objects;
  const auto found = document.find(key);
  if (found == document.end() || !found->is_array()) return objects;
  for (const ordered_json& item : *found) {
    if (item.is_object()) objects.push_back(item);
  }
  return objects;
}

std::string JoinedTexts(const ordered_json& object, const char* key) {
  std::vector<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return "";
  for (const ordered_json& item : *found) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return absl::StrJoin(texts, ", ");
}

// "demo/service/routing-api": the parts that are set. A workload is an object
// by itself, or its parts stand in the row.
std::string WorkloadAt(const ordered_json& row) {
  const auto found = row.find("workload");
  const ordered_json& name =
      found != row.end() && found->is_object() ? *found : row;
  std::vector<std::string> parts;
  for (const char* key : {"cluster", "namespace", "kind", "name"}) {
    if (std::string part = TextAt(name, key); !part.empty()) {
      parts.push_back(std::move(part));
    }
  }
  return parts.empty() ? TextAt(row, "workload") : absl::StrJoin(parts, "/");
}

constexpr const char* kPageLines[][2] = {
    {"what", "what"},       {"held_by", "held by"}, {"made_at", "made at"},
    {"kept_at", "kept at"}, {"traffic", "traffic"}, {"where", "where"},
    {"do_now", "do now"},   {"trust", "trust"}};
constexpr int kLabelWidth = 10;

constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;

// "page, " or "ticket, ".
std::string TierOf(const ordered_json& incident) {
  const auto page = incident.find("page");
  if (page == incident.end() || !page->is_boolean()) return "";
  return page->get<bool>() ? "page, " : "ticket, ";
}

// Who owns it, whom it reached, which silence it is under, why it is over.
std::string RenderStanding(const ordered_json& incident, const Style& style) {
  std::vector<std::string> facts;
  if (std::string owner = TextAt(incident, "owner"); !owner.empty()) {
    facts.push_back("owner " + owner);
  }
  const auto silence = incident.find("silence");
  if (silence != incident.end() && silence->is_object()) {
    facts.push_back(absl::StrCat("silenced by ", TextAt(*silence, "created_by"),
                                 ": ", TextAt(*silence, "comment")));
  }
  std::vector<std::string> told;
  for (const ordered_json& each : ObjectsAt(incident, "told")) {
    told.push_back(absl::StrCat(TextAt(each, "target"), " (",
                                TextAt(each, "status"), ")"));
  }
  if (!told.empty()) facts.push_back("told: " + absl::StrJoin(told, ", "));
  if (std::string why = TextAt(incident, "resolve_reason"); !why.empty()) {
    facts.push_back("over: " + why);
  }
  std::string out;
  for (const std::string& fact : facts) {
    out += "  " + Wrap(Harmless(fact), std::max(0, style.width - 2), 2) + "\n";
  }
  return out;
}

std::string RenderIncident(const ordered_json& incident, int64_t now_unix_ns,
                           const Style& style) {
  const auto found = incident.find("text");
  const ordered_json text = found != incident.end() && found->is_object()
                                ? *found
                                : ordered_json::object();
  std::string title = Harmless(TextAt(text, "title"));
  if (title.empty()) {
    title = Harmless(
        absl::StrCat(WorkloadAt(incident), ": ", TextAt(incident, "cause")));
  }
  std::string out = Wrap(Bold(title, style), style.width, 0) + "\n";
  const auto opened_ns = IntegerAt(incident, "opened_ns");
  out += absl::StrCat(
      "  ", Harmless(TextAt(incident, "state")), ", ", TierOf(incident),
      Harmless(TextAt(incident, "cause")),
      opened_ns > 0 ? absl::StrCat(", for ", FormatDuration(std::max<int64_t>(
                                                 0, now_unix_ns - opened_ns)))
                    : "",
      ", ", Harmless(WorkloadAt(incident)), "\n");
  out += RenderStanding(incident, style);
  for (const auto& [key, label] : kPageLines) {
    const std::string line = Harmless(TextAt(text, key));
    if (line.empty()) continue;
    std::string head = absl::StrCat("  ", label);
    head.resize(2 + kLabelWidth, ' ');
    // Wrap folds runs of blanks, which the label's padding must survive.
    const int room = style.width > 0 ? style.width - 2 - kLabelWidth : 0;
    std::string body = Wrap(line, room == 0 ? 0 : std::max(room, 20), 0);
    for (size_t at = body.find('\n'); at != std::string::npos;
         at = body.find('\n', at + 1)) {
      body.insert(at + 1, std::string(2 + kLabelWidth, ' '));
    }
    out += Dim(head, style) + body + "\n";
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> RenderIncidents(std::string_view body,
                                            int64_t now_unix_ns, bool all,
                                            const Style& style) {
  auto document = ParseBody(body);
  if (!document.ok()) return document.status();
  std::vector<std::string> parts;
  int over = 0;
  for (const ordered_json& incident : ObjectsAt(*document, "incidents")) {
    const int64_t resolved_ns = IntegerAt(incident, "resolved_ns");
    if (!all && resolved_ns > 0 && resolved_ns < now_unix_ns - kDayNs) {
      ++over;
      continue;
    }
    parts.push_back(RenderIncident(incident, now_unix_ns, style));
  }
  std::string text =
      parts.empty()
          ? "no incident is open, and none was resolved within a day\n"
          : absl::StrJoin(parts, "\n");
  if (over > 0) {
    text += Dim(absl::StrCat(over, over == 1 ? " older one" : " older ones",
                             ": --all"),
                style) +
            "\n";
  }
  return text;
}

// "3 of 4": how many have no memory limit; "-" where all have one, or a
// collector of before does not say.
static std::string WithoutLimit(const ordered_json& row) {
  const int64_t count = IntegerAt(row, "no_limit");
  return count <= 0 ? "-"
                    : absl::StrCat(FormatCount(count), " of ",
                                   FormatCount(IntegerAt(row, "processes")));
}

absl::StatusOr<std::string> RenderWorkloads(std::string_view body,
                                            const Style& style) {
  auto document = ParseBody(body);
  if (!document.ok()) return document.status();
  Table table({{.title = "PROCESSES", .right = true},
               {.title = "RSS", .right = true},
               {.title = "GROWTH", .right = true},
               {.title = "NO LIMIT", .right = true},
               {.title = "VERDICT"},
               {.title = "WORKLOAD", .shrinks = true, .min_width = 16},
               {.title = "REGIONS", .shrinks = true, .drop_order = 1},
               {.title = "VERSIONS", .shrinks = true, .drop_order = 2}});
  for (const ordered_json& row : ObjectsAt(*document, "workloads")) {
    const std::string verdict = TextAt(row, "verdict");
    const auto growth = row.find("anon_bytes_per_s");
    const bool known = growth != row.end() && growth->is_number() &&
                       std::abs(growth->get<double>()) < kMostInteger;
    table.AddRow({FormatCount(IntegerAt(row, "processes")),
                  FormatBytes(IntegerAt(row, "rss_bytes")),
                  known ? FormatByteRate(growth->get<double>()) : "-",
                  WithoutLimit(row), verdict.empty() ? "-" : verdict,
                  WorkloadAt(row), JoinedTexts(row, "regions"),
                  JoinedTexts(row, "versions")});
  }
  if (table.empty()) return "the collector has heard of no workload\n";
  return table.Render(style);
}

absl::StatusOr<std::string> FleetJson(std::string_view verb,
                                      std::string_view body) {
  auto document = ParseBody(body);
  if (!document.ok()) return document.status();
  ordered_json out = DocumentHead(verb, std::nullopt, {});
  for (const auto& [key, value] : document->items()) out[key] = value;
  return Serialize(out);
}

}  // namespace plimsoll::cli
