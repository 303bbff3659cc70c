#include "cli/report/comparison_report.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

using nlohmann::ordered_json;

constexpr double kMostNumber = 9e18;
constexpr size_t kMostTypes = 10;

std::optional<double> NumberAt(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  if (std::abs(value) >= kMostNumber) return std::nullopt;
  return value;
}

std::string TextAt(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string()
             ? Harmless(found->get<std::string>())
             : "";
}

std::string Bytes(double bytes) { return FormatBytes(std::llround(bytes)); }

// "12.4 MiB (11.6 MiB to 13.1 MiB)" of a number with its interval, times
// `scale`.
std::string EstimateAt(const ordered_json& side, const char* key,
                       double scale) {
  const auto found = side.find(key);
  if (found == side.end() || !found->is_object()) return "-";
  const auto value = NumberAt(*found, "value");
  if (!value) return "-";
  std::string text = Bytes(*value * scale);
  const auto lo = NumberAt(*found, "lo"), hi = NumberAt(*found, "hi");
  if (lo && hi) {
    absl::StrAppend(&text, " (", Bytes(*lo * scale), " to ", Bytes(*hi * scale),
                    ")");
  }
  return text;
}

std::string CountAt(const ordered_json& side, const char* key, double scale) {
  const auto value = NumberAt(side, key);
  if (!value) return "-";
  const double scaled = *value * scale;
  return std::abs(scaled) < 10 ? absl::StrCat(std::round(scaled * 100) / 100)
                               : FormatCount(std::llround(scaled));
}

std::string Span(const ordered_json& side) {
  const auto from = NumberAt(side, "from_unix_s");
  const auto to = NumberAt(side, "to_unix_s");
  if (!from || !to) return "-";
  const auto text = [](double unix_s, const char* format) {
    return absl::FormatTime(format, absl::FromUnixSeconds(std::llround(unix_s)),
                            absl::UTCTimeZone());
  };
  return text(*from, "%Y-%m-%d %H:%M") + " to " + text(*to, "%H:%M UTC");
}

std::string BytesAt(const ordered_json& row, const char* key) {
  const auto value = NumberAt(row, key);
  return value ? FormatBytesChange(std::llround(*value)) : "-";
}

ordered_json ObjectAt(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found
                                                     : ordered_json::object();
}

std::string RenderTypes(const ordered_json& document, const Style& style) {
  Table table({{.title = "BYTES/H OF A", .right = true},
               {.title = "BYTES/H OF B", .right = true},
               {.title = "TYPE", .shrinks = true}});
  const auto types = document.find("types");
  if (types == document.end() || !types->is_array()) return "";
  size_t rows = 0;
  for (const ordered_json& row : *types) {
    if (!row.is_object() || ++rows > kMostTypes) continue;
    table.AddRow({BytesAt(row, "a_bytes_per_h"), BytesAt(row, "b_bytes_per_h"),
                  TextAt(row, "type")});
  }
  return table.empty() ? "" : "\n" + table.Render(style);
}

}  // namespace

absl::StatusOr<std::string> RenderComparison(std::string_view body,
                                             const Style& style) {
  const ordered_json document = ordered_json::parse(body, nullptr, false);
  if (!document.is_object()) {
    return absl::InternalError("the collector's answer is not a JSON object");
  }
  const ordered_json a = ObjectAt(document, "a"), b = ObjectAt(document, "b");
  Table table({{.title = "OF ONE PROCESS"},
               {.title = absl::StrCat("A: ", TextAt(a, "what")),
                .shrinks = true,
                .min_width = 16},
               {.title = absl::StrCat("B: ", TextAt(b, "what")),
                .shrinks = true,
                .min_width = 16}});
  const auto row = [&](const char* name, const auto& cell) {
    table.AddRow({name, cell(a), cell(b)});
  };
  row("growth/min", [](const ordered_json& side) {
    return EstimateAt(side, "bytes_per_s", 60);
  });
  row("growth/request", [](const ordered_json& side) {
    return EstimateAt(side, "bytes_per_request", 1);
  });
  row("requests/min", [](const ordered_json& side) {
    return CountAt(side, "requests_per_s", 60);
  });
  row("anonymous memory", [](const ordered_json& side) {
    const auto bytes = NumberAt(side, "anon_bytes");
    return bytes ? Bytes(*bytes) : std::string("-");
  });
  row("processes", [](const ordered_json& side) {
    return CountAt(side, "processes_with_slope", 1) + " of " +
           CountAt(side, "processes", 1);
  });
  row("span", [](const ordered_json& side) { return Span(side); });
  const std::string words = TextAt(document, "words");
  std::string out = Wrap(Bold(words, style), style.width, 0) + "\n\n";
  if (const std::string of = TextAt(document, "attributes"); !of.empty()) {
    out += Wrap("Requests are those with " + of + ".", style.width, 0) + "\n\n";
  }
  return out + table.Render(style) + RenderTypes(document, style);
}

}  // namespace plimsoll::cli
