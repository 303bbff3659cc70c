#include "cli/growth_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "cli/duration.h"
#include "cli/text.h"
#include "collector/core/robust_slope.h"

namespace plimsoll::cli {
namespace {

using collector::Epoch;

struct Rate {
  double per_s = 0;
  std::optional<Interval> ci;
};

// The collector's own estimator where there are points enough for it; the
// plain difference else, without an interval.
Rate RateOf(const Epoch& points) {
  const auto& first = points.front();
  const auto& last = points.back();
  const double seconds = last.t_s - first.t_s;
  Rate rate{.per_s = seconds > 0 ? (last.y - first.y) / seconds : 0};
  if (auto fit = collector::FitSlope(points, 1.0); fit.has_value()) {
    rate.per_s = fit->slope.value;
    if (std::isfinite(fit->slope.lo) && std::isfinite(fit->slope.hi)) {
      rate.ci = Interval{fit->slope.lo, fit->slope.hi};
    }
  }
  return rate;
}

// Objects and bytes of one type in every look; 0 where it was not seen.
struct Series {
  Epoch objects, bytes;
};

std::unordered_map<std::string, Series> SeriesByType(
    const std::vector<Look>& looks) {
  std::unordered_map<std::string, Series> by_type;
  const auto time_s = [&looks](size_t i) {
    return static_cast<double>(looks[i].boottime_ns -
                               looks.front().boottime_ns) /
           1e9;
  };
  for (size_t i = 0; i < looks.size(); ++i) {
    for (const core::TypeCount& count : looks[i].census.types) {
      Series& series = by_type[count.type];
      if (series.objects.empty()) {
        for (size_t j = 0; j < looks.size(); ++j) {
          series.objects.push_back({.t_s = time_s(j), .y = 0});
          series.bytes.push_back({.t_s = time_s(j), .y = 0});
        }
      }
      // Two classes of one name are added up.
      series.objects[i].y += static_cast<double>(count.objects);
      series.bytes[i].y += static_cast<double>(count.bytes);
    }
  }
  return by_type;
}

bool Constant(const Epoch& points) {
  return std::all_of(points.begin(), points.end(), [&points](const auto& p) {
    return p.y == points.front().y;
  });
}

int64_t Delta(const Epoch& points) {
  return std::llround(points.back().y - points.front().y);
}

int64_t LiveBytes(const core::HeapCensus& census) {
  int64_t live = 0;
  for (const core::SizeClass& size : census.size_classes) {
    live += size.blocks_live * size.block_bytes;
  }
  return live;
}

MemoryGrowth Split(const Look& first, const Look& last) {
  MemoryGrowth memory;
  memory.anon_delta_bytes = last.anon_bytes - first.anon_bytes;
  memory.python_delta_bytes = LiveBytes(last.census) - LiveBytes(first.census);
  const int64_t arena_delta =
      last.census.arena_bytes - first.census.arena_bytes;
  memory.free_delta_bytes = arena_delta - memory.python_delta_bytes;
  memory.native_delta_bytes = memory.anon_delta_bytes - arena_delta;
  return memory;
}

nlohmann::ordered_json OrNull(const std::optional<Interval>& ci) {
  if (!ci.has_value()) return nullptr;
  return {ci->first, ci->second};
}

std::string RateCell(const TypeGrowth& type) {
  std::string cell = FormatByteRate(type.bytes_per_s);
  if (type.bytes_per_s_ci.has_value()) {
    absl::StrAppend(
        &cell, " (", FormatBytes(std::llround(type.bytes_per_s_ci->first)),
        " .. ", FormatBytes(std::llround(type.bytes_per_s_ci->second)), ")");
  }
  return cell;
}

std::string MemoryLine(const GrowthReport& report) {
  const MemoryGrowth& memory = report.memory;
  return absl::StrCat(
      "anonymous memory ", FormatBytesChange(memory.anon_delta_bytes), " in ",
      FormatDuration(std::llround(report.seconds * 1e9)),
      ": live Python blocks ", FormatBytesChange(memory.python_delta_bytes),
      ", free in Python's arenas ", FormatBytesChange(memory.free_delta_bytes),
      ", the rest (native, and Python blocks over 512 bytes) ",
      FormatBytesChange(memory.native_delta_bytes), ".");
}

}  // namespace

GrowthReport CompareLooks(const std::vector<Look>& looks) {
  GrowthReport report;
  report.looks = looks.size();
  if (looks.size() < 2) return report;
  report.seconds = static_cast<double>(looks.back().boottime_ns -
                                       looks.front().boottime_ns) /
                   1e9;
  for (const auto& [type, series] : SeriesByType(looks)) {
    if (Constant(series.objects) && Constant(series.bytes)) continue;
    const Rate objects = RateOf(series.objects);
    const Rate bytes = RateOf(series.bytes);
    // Came and went in between: nothing grew.
    if (Delta(series.objects) == 0 && Delta(series.bytes) == 0 &&
        objects.per_s == 0 && bytes.per_s == 0) {
      continue;
    }
    report.types.push_back({.type = type,
                            .objects_delta = Delta(series.objects),
                            .bytes_delta = Delta(series.bytes),
                            .objects_per_s = objects.per_s,
                            .bytes_per_s = bytes.per_s,
                            .objects_per_s_ci = objects.ci,
                            .bytes_per_s_ci = bytes.ci});
  }
  std::sort(report.types.begin(), report.types.end(),
            [](const TypeGrowth& a, const TypeGrowth& b) {
              if (a.bytes_per_s != b.bytes_per_s) {
                return a.bytes_per_s > b.bytes_per_s;
              }
              return a.type < b.type;
            });
  report.memory = Split(looks.front(), looks.back());
  return report;
}

std::string RenderGrowth(const GrowthReport& report, const Style& style) {
  Table table(
      {{.title = "OBJECTS", .right = true},
       {.title = "OBJECTS/S", .right = true, .drop_order = 2},
       {.title = "BYTES", .right = true},
       {.title = "BYTES/S (95 % INTERVAL)", .right = true, .drop_order = 1},
       {.title = "TYPE", .shrinks = true}});
  size_t rows = 0;
  for (const TypeGrowth& type : report.types) {
    if (report.top > 0 && rows == static_cast<size_t>(report.top)) break;
    ++rows;
    table.AddRow(
        {FormatCountChange(type.objects_delta), FormatRate(type.objects_per_s),
         FormatBytesChange(type.bytes_delta), RateCell(type), type.type});
  }
  std::string out;
  if (!report.quiet) {
    out = absl::StrCat(
        SubjectLine(report.subject), "; ", report.looks, " censuses in ",
        FormatDuration(std::llround(report.seconds * 1e9)), "\n");
  }
  if (table.empty()) {
    out += "no type changed\n";
  } else {
    out += table.Render(style);
  }
  if (rows < report.types.size() && !report.quiet) {
    absl::StrAppend(&out, "... and ", report.types.size() - rows,
                    " types more (--top 0 shows all)\n");
  }
  out += Wrap(MemoryLine(report), style.width, 0) + "\n";
  return out + RenderNotes(report.notes, style);
}

std::string GrowthJson(const GrowthReport& report) {
  nlohmann::ordered_json document =
      DocumentHead("growth", report.subject, report.notes);
  document["seconds"] = report.seconds;
  document["censuses"] = report.looks;
  auto& types = document["types"] = nlohmann::ordered_json::array();
  for (const TypeGrowth& type : report.types) {
    types.push_back({{"type", type.type},
                     {"objects_delta", type.objects_delta},
                     {"bytes_delta", type.bytes_delta},
                     {"objects_per_s", type.objects_per_s},
                     {"objects_per_s_ci", OrNull(type.objects_per_s_ci)},
                     {"bytes_per_s", type.bytes_per_s},
                     {"bytes_per_s_ci", OrNull(type.bytes_per_s_ci)}});
  }
  document["memory"] = {
      {"anon_delta_bytes", report.memory.anon_delta_bytes},
      {"python_delta_bytes", report.memory.python_delta_bytes},
      {"native_delta_bytes", report.memory.native_delta_bytes},
      {"free_delta_bytes", report.memory.free_delta_bytes}};
  return Serialize(document);
}

}  // namespace plimsoll::cli
