#include "cli/report/ps_report.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/core/tier_name.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

std::string BytesOrDash(const std::optional<int64_t>& bytes) {
  return bytes.has_value() ? FormatBytes(*bytes) : "-";
}

nlohmann::ordered_json OrNull(const std::optional<int64_t>& value) {
  if (!value.has_value()) return nullptr;
  return *value;
}

// "memory gc census", or "memory" alone where the rest is refused.
std::string Seen(const PsProcess& process) {
  std::vector<std::string> names;
  for (const core::TierStatus& tier : process.tiers) {
    if (tier.ok) names.push_back(core::TierName(tier.tier));
  }
  return absl::StrJoin(names, " ");
}

// What does not work and why: each reason once, with the tiers and processes
// that it holds for.
std::string Refusals(const PsReport& report, const Style& style) {
  struct Holds {
    std::set<std::string> tiers;
    std::set<int32_t> pids;
  };
  std::map<std::string, Holds> by_reason;
  for (const PsProcess& process : report.processes) {
    for (const core::TierStatus& tier : process.tiers) {
      if (tier.ok) continue;
      by_reason[tier.reason].tiers.insert(core::TierName(tier.tier));
      by_reason[tier.reason].pids.insert(process.pid);
    }
  }
  std::string out;
  if (!report.uprobe_rung.empty()) {
    out += Dim("probes are attached by " + report.uprobe_rung, style) + "\n";
  }
  for (const auto& [reason, holds] : by_reason) {
    const std::string pids =
        holds.pids.size() > 6
            ? absl::StrCat(holds.pids.size(), " processes")
            : absl::StrCat("pid ", absl::StrJoin(holds.pids, ", "));
    const std::string line =
        absl::StrCat("not seen: ", absl::StrJoin(holds.tiers, ", "), " of ",
                     pids, ": ", Harmless(reason));
    out += Dim(Wrap(line, style.width, 2), style) + "\n";
  }
  return out;
}

}  // namespace

std::string RenderPs(const PsReport& report, const Style& style) {
  if (report.processes.empty()) {
    return "no Python process is running here\n" +
           RenderNotes(report.notes, style);
  }
  Table table(
      {{.title = "PID", .right = true},
       {.title = "PYTHON"},
       {.title = "RSS", .right = true},
       {.title = "ANON", .right = true, .drop_order = 2},
       {.title = "LIMIT", .right = true, .drop_order = 1},
       {.title = "WORKLOAD", .shrinks = true, .min_width = 16},
       {.title = "SEEN", .shrinks = true, .min_width = 10, .drop_order = 3}});
  for (const PsProcess& process : report.processes) {
    table.AddRow({absl::StrCat(process.pid),
                  process.python.empty() ? "-" : process.python,
                  BytesOrDash(process.rss_bytes),
                  BytesOrDash(process.anon_bytes),
                  BytesOrDash(process.limit_bytes),
                  process.workload.empty() ? process.command : process.workload,
                  Seen(process)});
  }
  std::string out = table.Render(style);
  if (!report.quiet) out += Refusals(report, style);
  return out + RenderNotes(report.notes, style);
}

std::string PsJson(const PsReport& report) {
  nlohmann::ordered_json document =
      DocumentHead("ps", std::nullopt, report.notes);
  auto& uprobes = document["uprobes"] = nlohmann::ordered_json::object();
  uprobes["rung"] = nullptr;
  if (!report.uprobe_rung.empty()) uprobes["rung"] = report.uprobe_rung;
  uprobes["refused"] = report.rung_refusals;
  auto& processes = document["processes"] = nlohmann::ordered_json::array();
  for (const PsProcess& process : report.processes) {
    nlohmann::ordered_json row;
    row["pid"] = process.pid;
    row["parent_pid"] = process.parent_pid;
    row["start_unix_s"] = process.start_unix_s;
    row["python"] = nullptr;
    if (!process.python.empty()) row["python"] = process.python;
    row["build_id"] = process.build_id;
    row["workload"] = process.workload;
    row["command"] = process.command;
    row["rss_bytes"] = OrNull(process.rss_bytes);
    row["anon_bytes"] = OrNull(process.anon_bytes);
    row["limit_bytes"] = OrNull(process.limit_bytes);
    auto& tiers = row["tiers"] = nlohmann::ordered_json::object();
    for (const core::TierStatus& tier : process.tiers) {
      tiers[core::TierName(tier.tier)] = tier.ok ? "ok" : tier.reason;
    }
    processes.push_back(row);
  }
  return Serialize(document);
}

}  // namespace plimsoll::cli
