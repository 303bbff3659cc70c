#include "cli/report/stacks_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/report/duration.h"
#include "cli/report/frame_text.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

using core::ProfileKind;

std::string KindName(ProfileKind kind) {
  if (kind == ProfileKind::kBirth) return "born";
  if (kind == ProfileKind::kNative) return "native";
  return kind == ProfileKind::kPage ? "page" : "window";
}

int KindRank(const std::string& kind) {
  if (kind == "born") return 0;
  if (kind == "native") return 1;
  return kind == "window" ? 2 : 3;
}

bool IsFollowed(const StackRow& row) {
  return row.kind == "born" || row.kind == "native";
}

// Shares of rows that were followed, with their intervals: each row stands for
// its samples, of objects or, of native memory, of bytes.
void SetFollowedShares(const std::string& kind, std::vector<StackRow>& rows) {
  std::vector<SampledRow> sampled;
  for (const StackRow& row : rows) {
    if (row.kind != kind) continue;
    sampled.push_back(
        {static_cast<double>(kind == "native" ? row.bytes : row.objects),
         row.samples});
  }
  const std::vector<ShareInterval> shares = SampledShares(sampled);
  auto next = shares.begin();
  for (StackRow& row : rows) {
    if (row.kind != kind) continue;
    row.share_interval = *next++;
    row.share = row.share_interval.share;
  }
}

// Two counts are one row when kind, type and every frame are the same.
std::string RowKey(const std::string& kind, const std::string& type,
                   const core::Stack& stack) {
  std::string key = absl::StrCat(kind, "\n", type);
  for (const core::Frame& frame : stack.frames) {
    absl::StrAppend(&key, "\n", frame.file, ":", frame.line, ":",
                    frame.function, ":", frame.module);
  }
  return key;
}

int64_t GrowthOf(const GrowthByType& growth, const std::string& type) {
  const auto found = growth.find(type);
  return found == growth.end() ? 0 : found->second;
}

void SetShares(std::vector<StackRow>& rows) {
  std::map<std::pair<std::string, std::string>, double> totals;
  const auto weight = [](const StackRow& row) {
    return static_cast<double>(row.kind == "page" ? row.bytes : row.objects);
  };
  for (const StackRow& row : rows) totals[{row.kind, row.type}] += weight(row);
  for (StackRow& row : rows) {
    const double total = totals[{row.kind, row.type}];
    row.share = total > 0 ? weight(row) / total : 0;
  }
}

void Rank(const GrowthByType& growth, std::vector<StackRow>& rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [&growth](const StackRow& a, const StackRow& b) {
                     if (a.kind != b.kind) {
                       return KindRank(a.kind) < KindRank(b.kind);
                     }
                     const int64_t grown_a = GrowthOf(growth, a.type);
                     const int64_t grown_b = GrowthOf(growth, b.type);
                     if (grown_a != grown_b) return grown_a > grown_b;
                     if (a.type != b.type) return a.type < b.type;
                     if (a.kind == "native" && a.share != b.share) {
                       return a.share > b.share;
                     }
                     if (a.objects != b.objects) return a.objects > b.objects;
                     return a.bytes > b.bytes;
                   });
}

std::optional<double> ExplainedShare(const GrowthByType& growth,
                                     const std::vector<StackRow>& rows) {
  int64_t grown = 0;
  int64_t explained = 0;
  for (const auto& [type, bytes] : growth) {
    if (bytes <= 0) continue;
    grown += bytes;
    const bool has_row = std::any_of(
        rows.begin(), rows.end(), [&type = type](const StackRow& row) {
          return row.kind != "page" && row.kind != "native" && row.type == type;
        });
    if (has_row) explained += bytes;
  }
  if (grown == 0) return std::nullopt;
  return static_cast<double>(explained) / static_cast<double>(grown);
}

std::string RowWhat(const StackRow& row) {
  if (row.kind == "page") {
    return absl::StrCat(FormatBytes(row.bytes), " of fresh memory");
  }
  const std::string bytes =
      row.bytes > 0 ? absl::StrCat(", ", FormatBytes(row.bytes)) : "";
  if (row.kind == "native") {
    return absl::StrCat(FormatCount(row.objects), " blocks of malloc", bytes);
  }
  return absl::StrCat(
      FormatCount(row.objects), " ",
      row.type.empty() ? "objects of a type not known" : Harmless(row.type),
      bytes);
}

std::string RowHead(const StackRow& row) {
  const std::string how =
      IsFollowed(row) ? absl::StrCat(row.kind, ", ", row.samples, " samples, ",
                                     FormatShare(row.share_interval.low), " - ",
                                     FormatShare(row.share_interval.high),
                                     row.kind == "native"
                                         ? absl::StrCat(", known to the ",
                                                        KnownTo(row.frames))
                                         : "")
                      : row.kind;
  return absl::StrCat(FormatShare(row.share), "  ", RowWhat(row), "  [", how,
                      "]");
}

std::string RenderBalance(const StacksReport& report, const Style& style) {
  std::string verdict = "Net counts can be trusted: probes and census agree.";
  if (!report.net_counts_refused.has_value()) {
    verdict = absl::StrCat("No net counts: ", report.net_counts_reason, ".");
  } else if (*report.net_counts_refused) {
    verdict =
        absl::StrCat("Net counts are refused: ", report.net_counts_reason, ".");
  }
  verdict = Wrap(verdict, style.width, 0) + "\n";
  if (report.balance.empty()) return verdict;
  Table table({{.title = "BLOCK", .right = true},
               {.title = "ALLOCATIONS", .right = true},
               {.title = "FREES", .right = true},
               {.title = "LESS FREES", .right = true},
               {.title = "CENSUS SAW", .right = true}});
  for (const core::SizeClassBalance& size : report.balance) {
    if (size.allocations == 0 && size.frees == 0 && size.census_change == 0) {
      continue;
    }
    table.AddRow({FormatBytes(size.block_bytes), FormatCount(size.allocations),
                  FormatCount(size.frees),
                  FormatCountChange(size.allocations - size.frees),
                  FormatCountChange(size.census_change)});
  }
  return table.Render(style) + verdict;
}

std::string Heading(const StacksReport& report) {
  return absl::StrCat(SubjectLine(report.subject), "; windows of ",
                      FormatDuration(std::llround(report.window_seconds * 1e9)),
                      " within ",
                      FormatDuration(std::llround(report.seconds * 1e9)));
}

nlohmann::ordered_json RowJson(const StackRow& row) {
  nlohmann::ordered_json json = {
      {"type", row.type},           {"kind", row.kind},
      {"objects", row.objects},     {"bytes", row.bytes},
      {"survived", nullptr},        {"share", row.share},
      {"truncated", row.truncated}, {"frames", FramesJson(row.frames)}};
  if (row.kind == "native") json["known_to"] = KnownTo(row.frames);
  if (IsFollowed(row)) {
    json["survived"] = row.objects;
    json["samples"] = row.samples;
    json["share_ci"] = {row.share_interval.low, row.share_interval.high};
  }
  return json;
}

nlohmann::ordered_json WatchJson(
    const std::optional<core::StackProfile>& profile) {
  if (!profile.has_value()) return nullptr;
  return {
      {"samples", profile->coverage.seen},
      {"of", profile->coverage.total},
      {"seconds", static_cast<double>(profile->end_boottime_ns -
                                      profile->begin_boottime_ns) /
                      1e9},
      {"hits_per_s", profile->hits_per_second},
      {"ns_per_hit", profile->cost_ns_per_hit},
      {"target_core_share", profile->target_cpu_share},
      {"slowed_share", profile->slowed_share},
      {"refusal", profile->refusal},
  };
}

}  // namespace

void FillRows(const std::vector<core::StackProfile>& profiles,
              const GrowthByType& growth, StacksReport& report) {
  std::map<std::string, size_t> index;
  for (const core::StackProfile& profile : profiles) {
    const std::string kind = KindName(profile.kind);
    for (const core::StackCount& count : profile.counts) {
      if (count.stack_index >= profile.stacks.size()) continue;
      if (!report.type_filter.empty() && count.type != report.type_filter) {
        continue;
      }
      const core::Stack& stack = profile.stacks[count.stack_index];
      const auto [at, added] = index.try_emplace(
          RowKey(kind, count.type, stack), report.rows.size());
      if (added) {
        report.rows.push_back({.type = count.type,
                               .kind = kind,
                               .frames = stack.frames,
                               .truncated = stack.truncated});
      }
      StackRow& row = report.rows[at->second];
      if (IsFollowed(row)) {
        row.samples += count.allocations;
        row.objects += count.surviving_objects;
        row.bytes += count.surviving_bytes;
      } else {
        row.objects += count.allocations;
        row.bytes += count.allocated_bytes;
      }
    }
    if (profile.kind == ProfileKind::kBirth) report.births = profile;
    if (profile.kind == ProfileKind::kNative) report.native = profile;
  }
  SetShares(report.rows);
  SetFollowedShares("born", report.rows);
  SetFollowedShares("native", report.rows);
  Rank(growth, report.rows);
  report.explained_share = ExplainedShare(growth, report.rows);
}

std::string RenderStacks(const StacksReport& report, const Style& style) {
  std::string out;
  if (!report.quiet) {
    out = Wrap(Heading(report), style.width, 0) + "\n";
  }
  size_t shown = 0;
  for (const StackRow& row : report.rows) {
    if (report.top > 0 && shown == static_cast<size_t>(report.top)) break;
    ++shown;
    out += "\n" + Bold(RowHead(row), style) + "\n" +
           RenderFrames(row.frames, row.truncated, style);
  }
  if (report.rows.empty()) out += "no stack was seen\n";
  if (shown < report.rows.size() && !report.quiet) {
    absl::StrAppend(&out, "\n... and ", report.rows.size() - shown,
                    " stacks more (--top 0 shows all)\n");
  }
  if (report.verbose) out += "\n" + RenderBalance(report, style);
  if (report.explained_share.has_value()) {
    const std::string line =
        absl::StrCat("The types in these windows make up ",
                     FormatShare(*report.explained_share),
                     " of the bytes that the censuses saw growing.");
    out += "\n" + Wrap(line, style.width, 0) + "\n";
  }
  return out + RenderNotes(report.notes, style);
}

std::string StacksJson(const StacksReport& report) {
  nlohmann::ordered_json document =
      DocumentHead("stacks", report.subject, report.notes);
  document["seconds"] = report.seconds;
  document["window_seconds"] = report.window_seconds;
  auto& stacks = document["stacks"] = nlohmann::ordered_json::array();
  for (const StackRow& row : report.rows) stacks.push_back(RowJson(row));
  document["births"] = WatchJson(report.births);
  document["native"] = WatchJson(report.native);
  document["explained_share"] = nullptr;
  if (report.explained_share.has_value()) {
    document["explained_share"] = *report.explained_share;
  }
  document["net_counts_refused"] = nullptr;
  if (report.net_counts_refused.has_value()) {
    document["net_counts_refused"] = *report.net_counts_refused;
  }
  document["net_counts_reason"] = nullptr;
  if (!report.net_counts_reason.empty()) {
    document["net_counts_reason"] = report.net_counts_reason;
  }
  auto& balance = document["balance"] = nlohmann::ordered_json::array();
  for (const core::SizeClassBalance& size : report.balance) {
    balance.push_back({{"block_bytes", size.block_bytes},
                       {"allocations", size.allocations},
                       {"frees", size.frees},
                       {"census_change", size.census_change}});
  }
  return Serialize(document);
}

std::string WatchCost(const core::StackProfile& watch, double seconds) {
  constexpr double kWorthSaying = 0.01;
  const double watched_s =
      static_cast<double>(watch.end_boottime_ns - watch.begin_boottime_ns) /
      1e9;
  std::string text =
      absl::StrCat("the watch cost the process ",
                   FormatShare(watch.target_cpu_share * watched_s / seconds),
                   " of a core on average");
  if (watch.slowed_share >= kWorthSaying) {
    absl::StrAppend(&text,
                    " (it copies much memory: while a watchpoint stood, ",
                    FormatShare(watch.slowed_share), " of its CPU time)");
  }
  if (!watch.refusal.empty()) absl::StrAppend(&text, ". ", watch.refusal);
  return text;
}

}  // namespace plimsoll::cli
