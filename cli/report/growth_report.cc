#include "cli/report/growth_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/report/duration.h"
#include "cli/report/text.h"
#include "collector/core/stats/robust_slope.h"
#include "collector/core/types/type_names.h"

namespace plimsoll::cli {
namespace {

using collector::Epoch;

constexpr double kSigmas95 = 1.96;

struct Rate {
  double per_s = 0;
  std::optional<Interval> ci;
};

Interval Around(double value, double standard_error) {
  return {value - kSigmas95 * standard_error,
          value + kSigmas95 * standard_error};
}

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
  // Of the first look's and the last one's counts, summed.
  double objects_variance = 0, bytes_variance = 0;
};

void AddVariance(const core::TypeCount& count, Series& series) {
  if (count.standard_error <= 0 || count.objects <= 0) return;
  const double variance = count.standard_error * count.standard_error;
  // Objects of a type are nearly of one size: it is their number that is
  // estimated.
  const double size =
      static_cast<double>(count.bytes) / static_cast<double>(count.objects);
  series.objects_variance += variance;
  series.bytes_variance += variance * size * size;
}

std::unordered_map<std::string, Series> SeriesByType(
    const std::vector<Look>& looks) {
  std::unordered_map<std::string, Series> by_type;
  Epoch zeroes;
  for (const Look& look : looks) {
    const int64_t since_ns = look.boottime_ns - looks.front().boottime_ns;
    zeroes.push_back({.t_s = static_cast<double>(since_ns) / 1e9, .y = 0});
  }
  for (size_t i = 0; i < looks.size(); ++i) {
    const bool is_end = i == 0 || i + 1 == looks.size();
    for (const core::TypeCount& count : looks[i].census.types) {
      Series& series = by_type[count.type];
      if (series.objects.empty()) {
        series.objects = zeroes;
        series.bytes = zeroes;
      }
      // Two classes of one name are added up.
      series.objects[i].y += static_cast<double>(count.objects);
      series.bytes[i].y += static_cast<double>(count.bytes);
      if (is_end) AddVariance(count, series);
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
  memory.python_delta_bytes = last.python_bytes - first.python_bytes;
  memory.free_delta_bytes = last.free_bytes - first.free_bytes;
  memory.native_delta_bytes = memory.anon_delta_bytes -
                              memory.python_delta_bytes -
                              memory.free_delta_bytes;
  return memory;
}

// What changed of one type; nothing where it only came and went in between.
std::optional<TypeGrowth> Compare(const std::string& type, const Series& series,
                                  double seconds) {
  if (Constant(series.objects) && Constant(series.bytes)) return std::nullopt;
  Rate objects = RateOf(series.objects);
  Rate bytes = RateOf(series.bytes);
  TypeGrowth growth{.type = type,
                    .objects_delta = Delta(series.objects),
                    .bytes_delta = Delta(series.bytes),
                    .objects_per_s = objects.per_s,
                    .bytes_per_s = bytes.per_s};
  if (growth.objects_delta == 0 && growth.bytes_delta == 0 &&
      objects.per_s == 0 && bytes.per_s == 0) {
    return std::nullopt;
  }
  if (series.objects_variance > 0) {
    const double objects_error = std::sqrt(series.objects_variance);
    const double bytes_error = std::sqrt(series.bytes_variance);
    growth.objects_delta_ci =
        Around(static_cast<double>(growth.objects_delta), objects_error);
    growth.bytes_delta_ci =
        Around(static_cast<double>(growth.bytes_delta), bytes_error);
    if (!objects.ci && seconds > 0) {
      objects.ci = Around(objects.per_s, objects_error / seconds);
      bytes.ci = Around(bytes.per_s, bytes_error / seconds);
    }
  }
  growth.objects_per_s_ci = objects.ci;
  growth.bytes_per_s_ci = bytes.ci;
  return growth;
}

// Of a sample's noise nothing is sure: it does not stand before what is.
double SureBytesPerS(const TypeGrowth& type) {
  if (!type.bytes_delta_ci || !type.bytes_per_s_ci) return type.bytes_per_s;
  const auto [lo, hi] = *type.bytes_per_s_ci;
  return lo > 0 ? lo : std::min(hi, 0.0);
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

// Half of the interval that holds the truth in 95 of 100 samples.
std::string ErrorCell(const TypeGrowth& type) {
  if (!type.objects_delta_ci.has_value()) return "0";
  const auto [lo, hi] = *type.objects_delta_ci;
  return FormatCount(std::llround((hi - lo) / 2));
}

std::string MemoryLine(const GrowthReport& report) {
  const MemoryGrowth& memory = report.memory;
  return absl::StrCat(
      "anonymous memory ", FormatBytesChange(memory.anon_delta_bytes), " in ",
      FormatDuration(std::llround(report.seconds * 1e9)),
      ": Python objects and what they own ",
      FormatBytesChange(memory.python_delta_bytes),
      ", free in Python's arenas and malloc's ",
      FormatBytesChange(memory.free_delta_bytes), ", the rest (native) ",
      FormatBytesChange(memory.native_delta_bytes), ".");
}

using collector::Origin;
using collector::TypeOrigin;

// As the collector's RankTypes does: a builtin that rises by a whole number
// with each object of an application's class belongs to it, and with each
// coroutine what the library makes for it as well.
bool MayOwn(const std::string& owner, const std::string& part) {
  if (owner == part) return false;
  if (collector::IsSuspendedCode(owner)) {
    return TypeOrigin(part) != Origin::kApplication;
  }
  return TypeOrigin(part) == Origin::kBuiltin;
}

bool IsInStep(const TypeGrowth& owner, const TypeGrowth& part) {
  constexpr double kMostPerObject = 8;
  constexpr double kInStep = 0.08;
  if (owner.objects_delta <= 0) return false;
  double ratio = static_cast<double>(part.objects_delta) /
                 static_cast<double>(owner.objects_delta);
  // A task awaits through several coroutines.
  if (collector::IsSuspendedCode(owner.type) && ratio > 0 && ratio < 1) {
    ratio = 1 / ratio;
  }
  const double whole = std::round(ratio);
  return whole >= 1 && whole <= kMostPerObject &&
         std::abs(ratio - whole) <= kInStep * whole;
}

// The pace of each type, that of what it owns included: what it is ranked by.
// Looks at a bounded number of owners, those that grow most.
void RankByPace(std::vector<TypeGrowth>& types) {
  constexpr size_t kMostOwners = 100;
  std::vector<std::pair<double, TypeGrowth>> ranked;
  for (TypeGrowth& type : types) {
    const double pace = SureBytesPerS(type);
    ranked.emplace_back(pace, std::move(type));
  }
  const auto by_pace = [](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first > b.first;
    if (a.second.bytes_per_s != b.second.bytes_per_s) {
      return a.second.bytes_per_s > b.second.bytes_per_s;
    }
    return a.second.type < b.second.type;
  };
  std::sort(ranked.begin(), ranked.end(), by_pace);
  std::vector<size_t> owners;
  for (size_t i = 0; i < ranked.size() && owners.size() < kMostOwners; ++i) {
    const TypeGrowth& type = ranked[i].second;
    if (type.objects_delta > 0 &&
        (TypeOrigin(type.type) == Origin::kApplication ||
         collector::IsSuspendedCode(type.type))) {
      owners.push_back(i);
    }
  }
  // A class of the application comes before a coroutine that it may own.
  std::stable_partition(owners.begin(), owners.end(), [&](size_t i) {
    return TypeOrigin(ranked[i].second.type) == Origin::kApplication;
  });
  for (const auto& entry : std::vector(ranked)) {
    const TypeGrowth& part = entry.second;
    if (entry.first <= 0) continue;
    const auto owner =
        std::find_if(owners.begin(), owners.end(), [&](size_t i) {
          return MayOwn(ranked[i].second.type, part.type) &&
                 IsInStep(ranked[i].second, part);
        });
    if (owner != owners.end()) ranked[*owner].first += entry.first;
  }
  std::sort(ranked.begin(), ranked.end(), by_pace);
  types.clear();
  for (auto& [pace, type] : ranked) types.push_back(std::move(type));
}

std::string Heading(const GrowthReport& report) {
  const std::string time = FormatDuration(std::llround(report.seconds * 1e9));
  if (!report.moments.has_value()) {
    return absl::StrCat(SubjectLine(report.subject), "; ", report.looks,
                        " censuses in ", time, "\n");
  }
  const auto& [from, to] = *report.moments;
  return absl::StrCat(SubjectLine(report.subject), "; from ", from.name, " (",
                      FormatMoment(from.unix_s), ") to ",
                      to.name.empty() ? "now" : to.name, ", ", time, "\n");
}

nlohmann::ordered_json MomentJson(const Moment& moment) {
  nlohmann::ordered_json out = {{"name", nullptr}, {"unix_s", moment.unix_s}};
  if (!moment.name.empty()) out["name"] = moment.name;
  return out;
}

}  // namespace

int64_t PythonBytes(const core::HeapCensus& census) {
  return LiveBytes(census) + census.malloc.object_bytes +
         census.malloc.buffer_bytes;
}

int64_t FreeBytes(const core::HeapCensus& census, uint32_t pool_bytes) {
  int64_t pools = census.pools_free;
  for (const core::SizeClass& size : census.size_classes) pools += size.pools;
  return pools * int64_t{pool_bytes} - LiveBytes(census) +
         census.malloc.free_bytes;
}

std::string FormatMoment(double unix_s) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC",
                          absl::FromUnixSeconds(std::llround(unix_s)),
                          absl::UTCTimeZone());
}

GrowthReport CompareLooks(const std::vector<Look>& looks) {
  GrowthReport report;
  report.looks = looks.size();
  if (looks.size() < 2) return report;
  report.seconds = static_cast<double>(looks.back().boottime_ns -
                                       looks.front().boottime_ns) /
                   1e9;
  for (const Look& look : looks) {
    report.sampled = report.sampled || look.census.coverage.sampled;
  }
  for (const auto& [type, series] : SeriesByType(looks)) {
    if (auto growth = Compare(type, series, report.seconds)) {
      report.types.push_back(*std::move(growth));
    }
  }
  RankByPace(report.types);
  report.memory = Split(looks.front(), looks.back());
  return report;
}

std::string RenderGrowth(const GrowthReport& report, const Style& style) {
  std::vector<Column> columns = {
      {.title = "OBJECTS", .right = true},
      {.title = "OBJECTS/S", .right = true, .drop_order = 2},
      {.title = "BYTES", .right = true},
      {.title = "BYTES/S (95 % INTERVAL)", .right = true, .drop_order = 1},
      {.title = "TYPE", .shrinks = true}};
  if (report.sampled) {
    columns.insert(columns.begin() + 1, {.title = "±", .right = true});
  }
  Table table(std::move(columns));
  size_t rows = 0;
  for (const TypeGrowth& type : report.types) {
    if (report.top > 0 && rows == static_cast<size_t>(report.top)) break;
    ++rows;
    std::vector<std::string> cells = {
        FormatCountChange(type.objects_delta), FormatRate(type.objects_per_s),
        FormatBytesChange(type.bytes_delta), RateCell(type), type.type};
    if (report.sampled) cells.insert(cells.begin() + 1, ErrorCell(type));
    table.AddRow(std::move(cells));
  }
  std::string out;
  if (!report.quiet) out = Heading(report);
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
      DocumentHead(report.moments.has_value() ? "diff" : "growth",
                   report.subject, report.notes);
  if (report.moments.has_value()) {
    document["from"] = MomentJson(report.moments->first);
    document["to"] = MomentJson(report.moments->second);
  }
  document["seconds"] = report.seconds;
  document["censuses"] = report.looks;
  document["sampled"] = report.sampled;
  auto& types = document["types"] = nlohmann::ordered_json::array();
  for (const TypeGrowth& type : report.types) {
    types.push_back({{"type", type.type},
                     {"objects_delta", type.objects_delta},
                     {"bytes_delta", type.bytes_delta},
                     {"objects_per_s", type.objects_per_s},
                     {"objects_per_s_ci", OrNull(type.objects_per_s_ci)},
                     {"bytes_per_s", type.bytes_per_s},
                     {"bytes_per_s_ci", OrNull(type.bytes_per_s_ci)}});
    if (!report.sampled) continue;
    types.back()["objects_delta_ci"] = OrNull(type.objects_delta_ci);
    types.back()["bytes_delta_ci"] = OrNull(type.bytes_delta_ci);
  }
  document["memory"] = {
      {"anon_delta_bytes", report.memory.anon_delta_bytes},
      {"python_delta_bytes", report.memory.python_delta_bytes},
      {"native_delta_bytes", report.memory.native_delta_bytes},
      {"free_delta_bytes", report.memory.free_delta_bytes}};
  return Serialize(document);
}

}  // namespace plimsoll::cli
