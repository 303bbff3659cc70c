#include "cli/report/malloc_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/report/duration.h"
#include "cli/report/frame_text.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

int64_t NotFreed(const core::MallocTally& tally) {
  return tally.allocations - tally.frees;
}
int64_t NotFreedBytes(const core::MallocTally& tally) {
  return tally.allocated_bytes - tally.freed_bytes;
}

core::MallocTally TotalOf(const MallocReport& report) {
  core::MallocTally total;
  for (const core::MallocStack& row : report.rows) total += row.tally;
  return total;
}

double ShareOf(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string RowHead(const core::MallocTally& tally, const MallocReport& report,
                    const core::MallocTally& total) {
  const std::string made = absl::StrCat(
      FormatCount(tally.allocations), " allocated (",
      FormatBytes(tally.allocated_bytes), "), ", FormatCount(NotFreed(tally)),
      " not freed (", FormatBytes(NotFreedBytes(tally)), ")");
  if (report.windows_told == 0) return absl::StrCat(made, "  [malloc]");
  return absl::StrCat(
      FormatShare(ShareOf(tally.surviving_bytes, total.surviving_bytes)), "  ",
      FormatCount(tally.surviving_blocks), " survived, ",
      FormatBytes(tally.surviving_bytes), ", of ", made, "  [malloc",
      report.sample_every > 1 ? absl::StrCat(", ", tally.samples, " samples")
                              : "",
      "]");
}

std::string Heading(const MallocReport& report) {
  return absl::StrCat(
      SubjectLine(report.subject), "; ", Harmless(report.allocator),
      "'s malloc in ", Harmless(report.module), "; windows of ",
      FormatDuration(std::llround(report.window_seconds * 1e9)), " within ",
      FormatDuration(std::llround(report.seconds * 1e9)));
}

}  // namespace

void RankMallocRows(MallocReport& report) {
  std::stable_sort(report.rows.begin(), report.rows.end(),
                   [](const core::MallocStack& a, const core::MallocStack& b) {
                     if (a.tally.surviving_bytes != b.tally.surviving_bytes) {
                       return a.tally.surviving_bytes > b.tally.surviving_bytes;
                     }
                     if (NotFreedBytes(a.tally) != NotFreedBytes(b.tally)) {
                       return NotFreedBytes(a.tally) > NotFreedBytes(b.tally);
                     }
                     return a.tally.allocated_bytes > b.tally.allocated_bytes;
                   });
}

std::string RenderMalloc(const MallocReport& report, const Style& style) {
  std::string out;
  if (!report.quiet) out = Wrap(Heading(report), style.width, 0) + "\n";
  const core::MallocTally total = TotalOf(report);
  size_t shown = 0;
  for (const core::MallocStack& row : report.rows) {
    if (report.top > 0 && shown == static_cast<size_t>(report.top)) break;
    ++shown;
    out += "\n" + Bold(RowHead(row.tally, report, total), style) + "\n" +
           RenderFrames(row.stack.frames, row.stack.truncated, style);
    if (row.stack.frames.empty()) out += "    (no frame could be read)\n";
  }
  if (report.rows.empty()) out += "no allocation was seen\n";
  if (shown < report.rows.size() && !report.quiet) {
    absl::StrAppend(&out, "\n... and ", report.rows.size() - shown,
                    " stacks more (--top 0 shows all)\n");
  }
  return out + RenderNotes(report.notes, style);
}

std::string MallocJson(const MallocReport& report) {
  nlohmann::ordered_json document =
      DocumentHead("stacks", report.subject, report.notes);
  document["seconds"] = report.seconds;
  document["window_seconds"] = report.window_seconds;
  const core::MallocTally total = TotalOf(report);
  const bool told = report.windows_told > 0;
  auto& stacks = document["stacks"] = nlohmann::ordered_json::array();
  for (const core::MallocStack& row : report.rows) {
    const core::MallocTally& tally = row.tally;
    nlohmann::ordered_json json = {
        {"type", ""},
        {"kind", "malloc"},
        {"objects", tally.surviving_blocks},
        {"bytes", tally.surviving_bytes},
        {"share", ShareOf(tally.surviving_bytes, total.surviving_bytes)},
        {"truncated", row.stack.truncated},
        {"frames", FramesJson(row.stack.frames)},
        {"known_to", KnownTo(row.stack.frames)},
        {"allocations", tally.allocations},
        {"allocated_bytes", tally.allocated_bytes},
        {"samples", tally.samples},
        {"not_freed", NotFreed(tally)},
        {"not_freed_bytes", NotFreedBytes(tally)},
    };
    if (!told) json["objects"] = json["bytes"] = json["share"] = nullptr;
    stacks.push_back(json);
  }
  auto& malloc = document["malloc"];
  malloc = {{"allocator", report.allocator},
            {"module", report.module},
            {"windows", report.windows},
            {"windows_with_survivors", report.windows_told},
            {"rest_seconds", report.rest_seconds},
            {"sample_every", report.sample_every},
            {"hits", report.hits},
            {"target_core_share", report.target_core_share},
            {"older_frees", report.older_frees},
            {"not_kept", report.not_kept},
            {"drops", report.drops},
            {"survivors_refused", nullptr}};
  if (!report.refusal.empty()) malloc["survivors_refused"] = report.refusal;
  return Serialize(document);
}

}  // namespace plimsoll::cli
