#include "cli/report/gc_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/report/duration.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

constexpr size_t kGenerations = 3;
// Of the middle generation: as many as by default make the oldest one due.
constexpr int64_t kManyCollections = 11;

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

int64_t PauseSumNs(const GcReport& report) {
  int64_t sum_ns = 0;
  for (const core::GcPauses& pauses : report.pauses) sum_ns += pauses.sum_ns;
  return sum_ns;
}

// The share of the time in which the program stood still.
std::optional<double> PauseShare(const GcReport& report) {
  if (report.pauses.empty() || report.seconds <= 0) return std::nullopt;
  return static_cast<double>(PauseSumNs(report)) / (report.seconds * 1e9);
}

// Collections that the probes saw and the build does not tell the generation
// of.
int64_t PausesOfNoGeneration(const GcReport& report) {
  int64_t count = 0;
  for (size_t i = report.after.generations.size(); i < report.pauses.size();
       ++i) {
    count += report.pauses[i].count;
  }
  return count;
}

// CPython's rule (gc.set_threshold in its manual): the oldest generation waits
// until a quarter as many objects as it held are new in it.
bool WaitsForMoreObjects(const core::GcState& gc) {
  return gc.long_lived.has_value() &&
         gc.long_lived->pending <= gc.long_lived->total / 4;
}

std::string OldNotReachedText(const core::GcState& gc) {
  if (WaitsForMoreObjects(gc)) {
    return absl::StrCat(
        "on, but the oldest generation is due and waits: it is collected once ",
        "more than a quarter of the ", FormatCount(gc.long_lived->total),
        " objects that it held are new in it, and ",
        FormatCount(gc.long_lived->pending),
        " are; old garbage stays until then");
  }
  return absl::StrCat("on, but the oldest generation has never been collected ",
                      "in ", FormatCount(gc.generations[1].collections),
                      " collections of the middle one: garbage that grew old ",
                      "stays");
}

std::string CollectorText(const GcReport& report) {
  switch (JudgeCollector(report)) {
    case Collector::kUnknown:
      return "not known to be on or off";
    case Collector::kOff:
      return "off (gc.disable()): garbage in cycles stays until somebody calls "
             "gc.collect()";
    case Collector::kThresholdZero:
      return "on, but its threshold is 0: it never starts by itself";
    case Collector::kOldNotReached:
      return OldNotReachedText(report.after);
    case Collector::kOn:
      return "on";
  }
  return "";
}

const char* CollectorWord(Collector collector) {
  switch (collector) {
    case Collector::kUnknown:
      return "unknown";
    case Collector::kOff:
      return "off";
    case Collector::kThresholdZero:
      return "threshold_zero";
    case Collector::kOldNotReached:
      return "old_not_reached";
    case Collector::kOn:
      return "on";
  }
  return "unknown";
}

std::string StateLine(const GcReport& report) {
  std::string line =
      absl::StrCat("automatic collection is ", CollectorText(report));
  const core::GcState& gc = report.after;
  if (!gc.thresholds.empty()) {
    absl::StrAppend(&line, "; thresholds ", absl::StrJoin(gc.thresholds, ", "));
  }
  if (gc.frozen_objects.value_or(0) > 0) {
    absl::StrAppend(
        &line, "; ", FormatCount(*gc.frozen_objects),
        " objects are frozen (gc.freeze()): it never looks at them");
  }
  return line +
         "; counts since the process started, read from the "
         "collector's own state";
}

std::string HeapLine(const GcReport& report) {
  std::string line = absl::StrCat(
      "live Python blocks ",
      FormatCountChange(report.heap_after.blocks - report.heap_before.blocks),
      " (",
      FormatBytesChange(report.heap_after.bytes - report.heap_before.bytes),
      ") in ", FormatDuration(std::llround(report.seconds * 1e9)));
  if (const auto share = PauseShare(report)) {
    absl::StrAppend(&line, ", in which the program stood still for ",
                    FormatNanoseconds(PauseSumNs(report)), " to collect (",
                    FormatShare(*share), ")");
  }
  absl::StrAppend(&line, "; source of pauses: ", report.source);
  if (const int64_t lost = PausesOfNoGeneration(report); lost > 0) {
    absl::StrAppend(&line, "; ", FormatCount(lost),
                    " collections of an unknown generation are in no row");
  }
  return line;
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

Collector JudgeCollector(const GcReport& report) {
  const core::GcState& gc = report.after;
  if (!gc.enabled.has_value()) return Collector::kUnknown;
  if (!*gc.enabled) return Collector::kOff;
  if (gc.thresholds.size() != kGenerations ||
      gc.generations.size() != kGenerations) {
    return Collector::kOn;
  }
  if (gc.thresholds[0] == 0) return Collector::kThresholdZero;
  // Every (threshold + 1)-th collection of the middle one makes it due.
  const int64_t due_after = gc.thresholds[2] + 1;
  const bool due_in_window = CollectionsDelta(report, 1) > due_after &&
                             CollectionsDelta(report, 2) == 0;
  const bool never =
      gc.generations[2].collections == 0 &&
      gc.generations[1].collections > std::max(due_after, kManyCollections);
  const bool out_of_reach =
      gc.generations[2].collections == 0 &&
      gc.generations[1].collections > 10 * kManyCollections;
  return due_in_window || never || out_of_reach ? Collector::kOldNotReached
                                                : Collector::kOn;
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
    out += Wrap(HeapLine(report), style.width, 0) + "\n";
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
  const core::GcState& gc = report.after;
  document["collector"] = CollectorWord(JudgeCollector(report));
  document["thresholds"] = nullptr;
  if (!gc.thresholds.empty()) document["thresholds"] = gc.thresholds;
  document["frozen_objects"] = nullptr;
  if (gc.frozen_objects) document["frozen_objects"] = *gc.frozen_objects;
  // That would take the references of all objects: no heap graph is taken yet.
  document["unreachable_objects"] = nullptr;
  document["long_lived"] = nullptr;
  if (gc.long_lived) {
    document["long_lived"] = {{"objects", gc.long_lived->total},
                              {"pending", gc.long_lived->pending}};
  }
  document["heap"] = {
      {"live_blocks_delta",
       report.heap_after.blocks - report.heap_before.blocks},
      {"live_bytes_delta", report.heap_after.bytes - report.heap_before.bytes}};
  document["pause_share"] = nullptr;
  if (const auto share = PauseShare(report)) document["pause_share"] = *share;
  document["pauses_of_unknown_generation"] = PausesOfNoGeneration(report);
  return Serialize(document);
}

}  // namespace plimsoll::cli
