#include "cli/report/types_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/core/implausible_heap.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

int64_t TypedBytes(const core::HeapCensus& census) {
  int64_t sum = 0;
  for (const core::TypeCount& type : census.types) sum += type.bytes;
  return sum;
}

// Half of the interval that holds the truth in 95 of 100 samples.
std::string Interval(double standard_error) {
  return FormatCount(std::llround(1.96 * standard_error));
}

}  // namespace

std::string ImplausibleNote(const core::HeapCensus& census) {
  if (!core::IsImplausible(census)) return "";
  return absl::StrCat(FormatCount(census.implausible_claims),
                      " claims of objects to own memory cannot be true and are "
                      "left out: this heap was made up or is corrupt");
}

std::string CoverageLine(const core::HeapCensus& census) {
  const core::Coverage& coverage = census.coverage;
  std::string line = absl::StrCat(
      FormatShare(coverage.share()), " of ", FormatCount(coverage.total),
      census.size_classes.empty() ? " live chunks of malloc examined"
                                  : " live pymalloc blocks examined");
  if (coverage.sampled) {
    absl::StrAppend(&line, " (a random sample; ± is 95 %)");
  }
  if (census.unknown_blocks > 0) {
    absl::StrAppend(
        &line, "; ", FormatCount(census.unknown_blocks),
        " hold no object of their own (", FormatBytes(census.unknown_bytes),
        ": shared keys of classes, buffers of extensions, free lists)");
  }
  if (census.malloc.live_chunks == 0) {
    absl::StrAppend(
        &line, "; objects over 512 bytes are ",
        coverage.sampled
            ? "not seen"
            : "seen where the collector's lists, or tracked lists, tuples "
              "and dicts, lead to them",
        ", as malloc is not glibc's");
  }
  return absl::StrCat(line, "; ", FormatBytes(census.scanned_bytes),
                      " read in ", FormatNanoseconds(census.duration_ns), ".");
}

std::string RenderTypes(const TypesReport& report, const Style& style) {
  const bool sampled = report.census.coverage.sampled;
  std::vector<Column> columns = {
      {.title = "OBJECTS", .right = true},
      {.title = "BYTES", .right = true},
      {.title = "SHARE", .right = true, .drop_order = 1},
      {.title = "TYPE", .shrinks = true}};
  if (sampled) {
    columns.insert(columns.begin() + 1, {.title = "±", .right = true});
  }
  Table table(std::move(columns));
  const auto& types = report.census.types;
  const size_t limit = report.top == 0
                           ? types.size()
                           : std::min<size_t>(types.size(), report.top);
  const int64_t all_bytes =
      TypedBytes(report.census) + report.census.unknown_bytes;
  for (size_t i = 0; i < limit; ++i) {
    const double share = all_bytes == 0 ? 0
                                        : static_cast<double>(types[i].bytes) /
                                              static_cast<double>(all_bytes);
    std::vector<std::string> cells = {FormatCount(types[i].objects),
                                      FormatBytes(types[i].bytes),
                                      FormatShare(share), types[i].type};
    if (sampled) {
      cells.insert(cells.begin() + 1, Interval(types[i].standard_error));
    }
    table.AddRow(std::move(cells));
  }
  std::string out;
  if (!report.quiet) out = SubjectLine(report.subject) + "\n";
  out += table.Render(style);
  if (limit < types.size() && !report.quiet) {
    absl::StrAppend(&out, "... and ", types.size() - limit,
                    " types more (--top 0 shows all)\n");
  }
  if (!report.quiet) {
    out += Wrap(CoverageLine(report.census), style.width, 0) + "\n";
  }
  return out + RenderNotes(report.notes, style);
}

std::string TypesJson(const TypesReport& report) {
  nlohmann::ordered_json document =
      DocumentHead("types", report.subject, report.notes);
  auto& types = document["types"] = nlohmann::ordered_json::array();
  for (const core::TypeCount& type : report.census.types) {
    types.push_back({{"type", type.type},
                     {"objects", type.objects},
                     {"bytes", type.bytes}});
    if (report.census.coverage.sampled) {
      types.back()["objects_standard_error"] = type.standard_error;
    }
  }
  const core::HeapCensus& census = report.census;
  document["coverage"] = {{"blocks_seen", census.coverage.seen},
                          {"blocks_total", census.coverage.total},
                          {"share", census.coverage.share()},
                          {"sampled", census.coverage.sampled},
                          {"method", census.coverage.method},
                          {"unknown_blocks", census.unknown_blocks},
                          {"unknown_bytes", census.unknown_bytes},
                          {"implausible_claims", census.implausible_claims}};
  document["arena_bytes"] = census.arena_bytes;
  document["scanned_bytes"] = census.scanned_bytes;
  document["duration_s"] = static_cast<double>(census.duration_ns) / 1e9;
  return Serialize(document);
}

}  // namespace plimsoll::cli
