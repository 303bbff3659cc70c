#include "cli/report/backtest_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/report/duration.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

using collector::AffectedProcess;
using collector::Estimate;
using collector::Incident;
using collector::Said;
using collector::SaidKind;
using nlohmann::ordered_json;

double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

ordered_json Number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

// Sorted, without "".
ordered_json Leaking(const Incident& incident,
                     std::string AffectedProcess::*field) {
  std::set<std::string> values;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking && !(p.*field).empty()) values.insert(p.*field);
  }
  return ordered_json(std::vector<std::string>(values.begin(), values.end()));
}

// "city=singapore,outcome=exception" -> "city,outcome", "singapore,exception".
std::pair<std::string, std::string> KeyAndValue(const std::string& label) {
  std::vector<std::string> keys, values;
  for (const auto part : absl::StrSplit(label, ',')) {
    const std::string text(part);
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {  // a comma within a value
      if (!values.empty()) absl::StrAppend(&values.back(), ",", text);
      continue;
    }
    keys.push_back(text.substr(0, equals));
    values.push_back(text.substr(equals + 1));
  }
  return {absl::StrJoin(keys, ","), absl::StrJoin(values, ",")};
}

ordered_json Attributes(const Incident& incident) {
  ordered_json out = ordered_json::array();
  for (const collector::TrafficCause& cause : incident.traffic.causes) {
    const auto [key, value] = KeyAndValue(cause.attributes);
    out.push_back({{"key", key},
                   {"value", value},
                   {"bytes_per_request", Number(cause.bytes_per_request.value)},
                   {"ci",
                    {Number(cause.bytes_per_request.lo),
                     Number(cause.bytes_per_request.hi)}},
                   {"share", Number(cause.share)}});
  }
  return out;
}

ordered_json Groups(const Incident& incident) {
  ordered_json out = ordered_json::array();
  for (const collector::TrafficCause& cause : incident.traffic.causes) {
    if (cause.inseparable_from.empty()) continue;
    ordered_json group = {cause.attributes};
    for (const std::string& other : cause.inseparable_from) {
      group.push_back(other);
    }
    out.push_back(std::move(group));
  }
  return out;
}

std::string Workload(const Incident& incident) {
  const std::string& ns = incident.workload.ns;
  return absl::StrCat(ns, ns.empty() ? "" : "/", incident.workload.name);
}

size_t LeakingPods(const Incident& incident) {
  std::set<std::string> pods;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking) pods.insert(p.pod);
  }
  return pods.size();
}

std::string PerHour(const Estimate& bytes_per_s) {
  const auto hourly = [](double rate) {
    return static_cast<int64_t>(std::clamp(rate * 3600, -9e18, 9e18));
  };
  std::string text =
      absl::StrCat(FormatBytesChange(hourly(bytes_per_s.value)), "/h");
  if (std::isfinite(bytes_per_s.lo) && std::isfinite(bytes_per_s.hi)) {
    absl::StrAppend(&text, " [", FormatBytes(hourly(bytes_per_s.lo)), ", ",
                    FormatBytes(hourly(bytes_per_s.hi)), "]");
  }
  return text;
}

std::string HoursOf(double seconds) {
  if (!std::isfinite(seconds) || seconds > 30 * 86400) return "a month";
  return FormatDuration(static_cast<int64_t>(seconds / 60) * 60'000'000'000);
}

std::string OomOf(const Incident& incident) {
  if (!incident.time_to_limit) return "no limit";
  return absl::StrCat(HoursOf(incident.time_to_limit->lo_s), " to ",
                      HoursOf(incident.time_to_limit->hi_s));
}

std::string TrafficOf(const Incident& incident) {
  if (incident.traffic.causes.empty()) return "";
  const collector::TrafficCause& cause = incident.traffic.causes.front();
  return absl::StrCat(
      cause.attributes.empty() ? "any request" : cause.attributes, " ",
      FormatBytes(std::llround(cause.bytes_per_request.value)), "/request");
}

std::string KindWord(SaidKind kind) {
  return kind == SaidKind::kPage ? "PAGE" : "ticket";
}

}  // namespace

std::string SaidJson(const Said& said) {
  const Incident& incident = said.incident;
  ordered_json line;
  line["at"] = Seconds(said.at_ns);
  line["id"] = incident.id;
  line["kind"] = collector::ToString(said.kind);
  line["namespace"] = incident.workload.ns;
  line["workload"] = incident.workload.name;
  line["regions"] = Leaking(incident, &AffectedProcess::region);
  line["versions"] = Leaking(incident, &AffectedProcess::version);
  line["pods"] = Leaking(incident, &AffectedProcess::pod);
  line["bytes_per_s"] = Number(incident.bytes_per_s.value);
  line["ci"] = {Number(incident.bytes_per_s.lo),
                Number(incident.bytes_per_s.hi)};
  line["window_s"] = incident.window_s;
  line["model_limited"] = nullptr;
  if (!incident.model_limited.empty()) {
    line["model_limited"] = incident.model_limited;
  }
  line["cause"] = collector::ToString(incident.cause);
  line["oom_at"] = nullptr;
  if (incident.time_to_limit) {
    line["oom_at"] = {
        Number(Seconds(said.at_ns) + incident.time_to_limit->lo_s),
        Number(Seconds(said.at_ns) + incident.time_to_limit->hi_s)};
  }
  line["attributes"] = Attributes(incident);
  line["groups"] = Groups(incident);
  if (said.kind == SaidKind::kResolved) {
    line["reason"] = incident.resolve_reason;
  }
  return Serialize(line);
}

std::string BacktestSummaryJson(const collector::BacktestSummary& summary,
                                const Notes& notes) {
  ordered_json line;
  line["series"] = summary.series;
  line["pods"] = summary.pods;
  line["pod_days"] = summary.pod_days;
  line["pages"] = summary.pages;
  line["tickets"] = summary.tickets;
  line["from"] = Seconds(summary.from_ns);
  line["to"] = Seconds(summary.to_ns);
  line["notes"] = notes;
  return Serialize(line);
}

void BacktestStory::Add(const Said& said) {
  const auto [at, fresh] =
      by_id_.try_emplace(said.incident.id, incidents_.size());
  if (fresh) {
    incidents_.push_back({said.kind, said.at_ns, 0, said.incident, {}});
    return;
  }
  BacktestIncident& known = incidents_[at->second];
  if (said.kind == SaidKind::kResolved) {
    known.resolved_ns = said.at_ns;
    known.incident.resolve_reason = said.incident.resolve_reason;
    return;
  }
  known.resolved_ns = 0;
  known.incident = said.incident;
  if (said.kind == SaidKind::kPage) known.kind = SaidKind::kPage;
}

std::string RenderBacktest(const std::vector<BacktestIncident>& incidents,
                           const collector::BacktestSummary& summary,
                           const Notes& notes, const Style& style) {
  Table table({{.title = "SAID (UTC)"},
               {.title = "WHAT"},
               {.title = "WORKLOAD", .shrinks = true, .min_width = 12},
               {.title = "PODS", .right = true},
               {.title = "GROWTH OF ONE POD", .right = true},
               {.title = "OOM IN", .drop_order = 2},
               {.title = "TRAFFIC", .shrinks = true, .drop_order = 4},
               {.title = "RESOLVED", .drop_order = 3},
               {.title = "MEMORY", .drop_order = 1}});
  for (const BacktestIncident& i : incidents) {
    table.AddRow({FormatUtcMinute(i.at_ns), KindWord(i.kind),
                  Workload(i.incident), absl::StrCat(LeakingPods(i.incident)),
                  PerHour(i.incident.bytes_per_s), OomOf(i.incident),
                  TrafficOf(i.incident),
                  i.resolved_ns > 0 ? FormatUtcMinute(i.resolved_ns) : "",
                  Sparkline(i.memory)});
  }
  std::string out;
  if (table.empty()) {
    out = "nothing would have been paged, and no ticket written\n";
  } else {
    out = table.Render(style);
  }
  std::array<char, 32> days{};
  std::snprintf(days.data(), days.size(), "%.1f", summary.pod_days);
  out += absl::StrCat("\n", FormatCount(summary.pages), " pages and ",
                      FormatCount(summary.tickets), " tickets in ", days.data(),
                      " pod-days of ", FormatCount(summary.pods), " pods, ",
                      FormatUtcMinute(summary.from_ns), " to ",
                      FormatUtcMinute(summary.to_ns), "\n");
  return out + RenderNotes(notes, style);
}

std::string Sparkline(const std::vector<double>& values) {
  constexpr std::array<const char*, 8> kBars = {"▁", "▂", "▃", "▄",
                                                "▅", "▆", "▇", "█"};
  double lo = std::numeric_limits<double>::infinity(), hi = -lo;
  for (double v : values) {
    if (!std::isfinite(v)) continue;
    lo = std::min(lo, v);
    hi = std::max(hi, v);
  }
  std::string out;
  for (double v : values) {
    if (!std::isfinite(v)) {
      out += ' ';
      continue;
    }
    const double share = hi > lo ? (v - lo) / (hi - lo) : 0;
    out +=
        kBars[static_cast<size_t>(std::clamp(std::floor(share * 8), 0.0, 7.0))];
  }
  return out;
}

std::string FormatUtcMinute(int64_t unix_ns) {
  const std::time_t time = static_cast<std::time_t>(unix_ns / 1'000'000'000);
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  const size_t size =
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &parts);
  return std::string(text.data(), size);
}

}  // namespace plimsoll::cli
