#include "cli/gc_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/duration.h"
#include "cli/text.h"

namespace plimsoll::cli {
namespace {

const core::GcPauses* PausesOf(const GcReport& report, size_t generation) {
  return generation < report.pauses.size() ? &report.pauses[generation]
                                           : nullptr;
}

int64_t CollectionsDelta(const GcReport& report, size_t generation) {
  if (generation >= report.before.generations.size()) return 0;
  return report.after.generations[generation].collections -
         report.before.generations[generation].collections;
}

std::string QuantileCell(const core::GcPauses* pauses, double quantile) {
  if (pauses == nullptr) return "-";
  const auto value = PauseQuantile(*pauses, quantile);
  return value.has_value() ? FormatNanoseconds(*value) : "-";
}

std::string StateLine(const GcReport& report) {
  std::string line = "automatic collection is ";
  if (!report.after.enabled.has_value()) {
    line += "not known to be on or off";
  } else {
    line += *report.after.enabled ? "on" : "off";
  }
  return absl::StrCat(line, "; counts since the process started, read from ",
                      "the collector's own state");
}

nlohmann::ordered_json PausesJson(const core::GcPauses* pauses) {
  if (pauses == nullptr) return nullptr;
  nlohmann::ordered_json out;
  const auto put = [&out, pauses](const char* key, double quantile) {
    out[key] = nullptr;
    if (auto value = PauseQuantile(*pauses, quantile)) out[key] = *value;
  };
  put("p50", 0.5);
  put("p99", 0.99);
  out["max"] = pauses->max_ns;
  out["sum"] = pauses->sum_ns;
  out["count"] = pauses->count;
  return out;
}

}  // namespace

std::optional<int64_t> PauseQuantile(const core::GcPauses& pauses,
                                     double quantile) {
  int64_t total = 0;
  for (const int64_t count : pauses.log2_ns_counts) total += count;
  if (total <= 0) return std::nullopt;
  const auto rank =
      static_cast<int64_t>(std::ceil(quantile * static_cast<double>(total)));
  int64_t seen = 0;
  for (size_t i = 0; i < pauses.log2_ns_counts.size(); ++i) {
    seen += pauses.log2_ns_counts[i];
    if (seen >= std::max<int64_t>(1, rank)) {
      return std::min(pauses.max_ns, (int64_t{1} << (i + 1)) - 1);
    }
  }
  return pauses.max_ns;
}

std::string RenderGc(const GcReport& report, const Style& style) {
  Table table({{.title = "GENERATION", .right = true},
               {.title = "COLLECTIONS", .right = true},
               {.title = "IN WINDOW", .right = true, .drop_order = 3},
               {.title = "COLLECTED", .right = true},
               {.title = "UNCOLLECTABLE", .right = true, .drop_order = 1},
               {.title = "PAUSE P50", .right = true, .drop_order = 5},
               {.title = "P99", .right = true, .drop_order = 4},
               {.title = "MAX", .right = true},
               {.title = "SUM", .right = true, .drop_order = 2}});
  for (size_t i = 0; i < report.after.generations.size(); ++i) {
    const core::GcGeneration& generation = report.after.generations[i];
    const core::GcPauses* pauses = PausesOf(report, i);
    const bool paused = pauses != nullptr && pauses->count > 0;
    table.AddRow({absl::StrCat(i), FormatCount(generation.collections),
                  report.seconds > 0
                      ? FormatCountChange(CollectionsDelta(report, i))
                      : "-",
                  FormatCount(generation.collected),
                  FormatCount(generation.uncollectable),
                  QuantileCell(pauses, 0.5), QuantileCell(pauses, 0.99),
                  paused ? FormatNanoseconds(pauses->max_ns) : "-",
                  paused ? FormatNanoseconds(pauses->sum_ns) : "-"});
  }
  std::string out;
  if (!report.quiet) {
    out = absl::StrCat(SubjectLine(report.subject), "\n");
    out += Wrap(StateLine(report), style.width, 0) + "\n";
  }
  out += table.Render(style);
  if (!report.quiet && report.seconds > 0) {
    const std::string line =
        absl::StrCat("pauses of the last ",
                     FormatDuration(std::llround(report.seconds * 1e9)),
                     ", source: ", report.source);
    out += Wrap(line, style.width, 0) + "\n";
  }
  return out + RenderNotes(report.notes, style);
}

std::string GcJson(const GcReport& report) {
  nlohmann::ordered_json document =
      DocumentHead("gc", report.subject, report.notes);
  document["seconds"] = report.seconds;
  document["source"] = report.source;
  document["enabled"] = nullptr;
  if (report.after.enabled.has_value()) {
    document["enabled"] = *report.after.enabled;
  }
  auto& generations = document["generations"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < report.after.generations.size(); ++i) {
    const core::GcGeneration& generation = report.after.generations[i];
    generations.push_back(
        {{"collections", generation.collections},
         {"collected", generation.collected},
         {"uncollectable", generation.uncollectable},
         {"collections_in_window", CollectionsDelta(report, i)},
         {"pause_ns", PausesJson(PausesOf(report, i))}});
  }
  // Read by a later walk of the collector's lists; not known to this one.
  document["frozen_objects"] = nullptr;
  document["unreachable_objects"] = nullptr;
  return Serialize(document);
}

}  // namespace plimsoll::cli
