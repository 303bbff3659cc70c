#include "cli/types_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/text.h"

namespace plimsoll::cli {
namespace {

int64_t TypedBytes(const core::HeapCensus& census) {
  int64_t sum = 0;
  for (const core::TypeCount& type : census.types) sum += type.bytes;
  return sum;
}

}  // namespace

std::string CoverageLine(const core::HeapCensus& census) {
  const core::Coverage& coverage = census.coverage;
  std::string line = absl::StrCat(FormatShare(coverage.share()), " of ",
                                  FormatCount(coverage.total),
                                  " live pymalloc blocks examined");
  if (coverage.sampled) absl::StrAppend(&line, " (a sample)");
  if (census.unknown_blocks > 0) {
    absl::StrAppend(
        &line, "; ", FormatCount(census.unknown_blocks),
        " hold no object of their own (", FormatBytes(census.unknown_bytes),
        ": shared keys of classes, buffers of extensions, free lists)");
  }
  return absl::StrCat(line, "; ", FormatBytes(census.scanned_bytes),
                      " read in ", FormatNanoseconds(census.duration_ns), ".");
}

std::string RenderTypes(const TypesReport& report, const Style& style) {
  Table table({{.title = "OBJECTS", .right = true},
               {.title = "BYTES", .right = true},
               {.title = "SHARE", .right = true, .drop_order = 1},
               {.title = "TYPE", .shrinks = true}});
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
    table.AddRow({FormatCount(types[i].objects), FormatBytes(types[i].bytes),
                  FormatShare(share), types[i].type});
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
  }
  const core::HeapCensus& census = report.census;
  document["coverage"] = {{"blocks_seen", census.coverage.seen},
                          {"blocks_total", census.coverage.total},
                          {"share", census.coverage.share()},
                          {"sampled", census.coverage.sampled},
                          {"method", census.coverage.method},
                          {"unknown_blocks", census.unknown_blocks},
                          {"unknown_bytes", census.unknown_bytes}};
  document["arena_bytes"] = census.arena_bytes;
  document["scanned_bytes"] = census.scanned_bytes;
  document["duration_s"] = static_cast<double>(census.duration_ns) / 1e9;
  return Serialize(document);
}

}  // namespace plimsoll::cli
