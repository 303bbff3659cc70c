#include "cli/report/top_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "cli/report/duration.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kHistoryNs = 60000000000;
constexpr int kLinesAround = 3;  // heading, titles, and the cursor's line
constexpr double kLongestForecastS = 30.0 * 86400;

std::string BytesOrDash(const std::optional<int64_t>& bytes) {
  return bytes.has_value() ? FormatBytes(*bytes) : "-";
}

std::string TimeLeft(const TopRow& row) {
  if (!row.seconds_to_limit.has_value()) return "-";
  if (*row.seconds_to_limit > kLongestForecastS) return "> 30 d";
  return FormatDuration(std::llround(*row.seconds_to_limit * 1e9));
}

template <typename T>
nlohmann::ordered_json OrNull(const std::optional<T>& value) {
  if (!value.has_value()) return nullptr;
  return *value;
}

}  // namespace

std::vector<TopRow> TopHistory::Add(int64_t boottime_ns,
                                    std::vector<PsProcess> processes) {
  std::vector<TopRow> rows;
  std::set<std::pair<int32_t, uint64_t>> alive;
  for (PsProcess& process : processes) {
    const std::pair<int32_t, uint64_t> key = {process.pid, process.start_ticks};
    alive.insert(key);
    TopRow row;
    if (process.anon_bytes.has_value()) {
      auto& points = points_[key];
      points.push_back({boottime_ns, *process.anon_bytes});
      while (boottime_ns - points.front().boottime_ns > kHistoryNs) {
        points.pop_front();
      }
      row.over_s =
          static_cast<double>(boottime_ns - points.front().boottime_ns) / 1e9;
      if (row.over_s > 0) {
        row.anon_bytes_per_s = static_cast<double>(*process.anon_bytes -
                                                   points.front().anon_bytes) /
                               row.over_s;
      }
      if (row.anon_bytes_per_s.value_or(0) > 0 && process.limit_bytes &&
          process.rss_bytes) {
        row.seconds_to_limit =
            std::max(0.0, static_cast<double>(*process.limit_bytes -
                                              *process.rss_bytes)) /
            *row.anon_bytes_per_s;
      }
    }
    row.process = std::move(process);
    rows.push_back(std::move(row));
  }
  std::erase_if(points_, [&alive](const auto& entry) {
    return alive.count(entry.first) == 0;
  });
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    const double growth_a = a.anon_bytes_per_s.value_or(0);
    const double growth_b = b.anon_bytes_per_s.value_or(0);
    if (growth_a != growth_b) return growth_a > growth_b;
    return a.process.anon_bytes.value_or(0) > b.process.anon_bytes.value_or(0);
  });
  return rows;
}

std::string RenderTop(const TopReport& report, const Style& style, int height) {
  Table table({{.title = "PID", .right = true},
               {.title = "GROWTH", .right = true},
               {.title = "ANON", .right = true},
               {.title = "RSS", .right = true, .drop_order = 2},
               {.title = "LIMIT", .right = true, .drop_order = 1},
               {.title = "AT THIS PACE", .right = true, .drop_order = 3},
               {.title = "PYTHON", .drop_order = 4},
               {.title = "WORKLOAD", .shrinks = true, .min_width = 16}});
  const std::string governor =
      report.governor.has_value()
          ? Wrap(GovernorLine(*report.governor), style.width, 0) + "\n"
          : "";
  const int lines = kLinesAround + static_cast<int>(std::count(
                                       governor.begin(), governor.end(), '\n'));
  const size_t limit = height > 0
                           ? static_cast<size_t>(std::max(1, height - lines))
                           : report.rows.size();
  for (size_t i = 0; i < std::min(limit, report.rows.size()); ++i) {
    const TopRow& row = report.rows[i];
    const PsProcess& process = row.process;
    table.AddRow(
        {absl::StrCat(process.pid),
         row.anon_bytes_per_s ? FormatByteRate(*row.anon_bytes_per_s) : "-",
         BytesOrDash(process.anon_bytes), BytesOrDash(process.rss_bytes),
         BytesOrDash(process.limit_bytes), TimeLeft(row),
         process.python.empty() ? "-" : process.python,
         process.workload.empty() ? process.command : process.workload});
  }
  const std::string rows = report.rows.empty()
                               ? "no Python process is running here\n"
                               : table.Render(style);
  return rows + governor + RenderNotes(report.notes, style);
}

std::string TopJson(const TopReport& report) {
  nlohmann::ordered_json document =
      DocumentHead("top", std::nullopt, report.notes);
  document["time_unix_s"] = report.time_unix_s;
  document["governor"] = nullptr;
  if (report.governor) document["governor"] = GovernorJson(*report.governor);
  auto& processes = document["processes"] = nlohmann::ordered_json::array();
  for (const TopRow& row : report.rows) {
    nlohmann::ordered_json out;
    out["pid"] = row.process.pid;
    out["python"] = nullptr;
    if (!row.process.python.empty()) out["python"] = row.process.python;
    out["workload"] = row.process.workload;
    out["command"] = row.process.command;
    out["rss_bytes"] = OrNull(row.process.rss_bytes);
    out["anon_bytes"] = OrNull(row.process.anon_bytes);
    out["limit_bytes"] = OrNull(row.process.limit_bytes);
    out["anon_bytes_per_s"] = OrNull(row.anon_bytes_per_s);
    out["over_s"] = row.over_s;
    out["seconds_to_limit"] = OrNull(row.seconds_to_limit);
    processes.push_back(out);
  }
  return Serialize(document);
}

}  // namespace plimsoll::cli
