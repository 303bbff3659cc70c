#include "collector/core/diagnosis/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "collector/core/history/request_counts.h"
#include "collector/core/stats/random_effects.h"
#include "collector/core/stats/robust_slope.h"
#include "collector/core/text/format.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr double kInflation = 1.4;  // as the judgement's
constexpr double kWidth95 = 1.96;
constexpr int32_t kMostProcesses = 200;
constexpr size_t kMostTypeProcesses = 8;
constexpr size_t kMostTypes = 20;

bool IsOf(const ProcessInfo& p, const SideSpec& side) {
  const auto is = [](const std::string& asked, const std::string& value) {
    return asked.empty() || asked == value;
  };
  return is(side.cluster, p.workload.cluster) && is(side.region, p.region) &&
         is(side.version, p.version) && is(side.zone, p.zone) &&
         is(side.node, p.node) && p.first_seen_ns < side.to_ns &&
         p.last_seen_ns >= side.from_ns;
}

struct OneProcess {
  std::optional<Estimate> bytes_per_s;
  std::optional<double> mean_bytes;
  double watched_s = 0;
  std::optional<double> requests;  // in what was watched
};

absl::StatusOr<OneProcess> ReadOne(const FleetReader& reader,
                                   const ProcessInfo& process,
                                   const SideSpec& side,
                                   const std::string& attributes) {
  OneProcess one;
  RequestSeries requests;
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::vector<Sample> bytes,
      reader.Read(process.key, {metric::kAnon, ""}, side.from_ns, side.to_ns));
  if (bytes.empty()) return one;
  Epoch epoch;
  double sum = 0;
  for (const Sample& s : bytes) {
    epoch.push_back(
        {static_cast<double>(s.time_ns - side.from_ns) / 1e9, s.value});
    sum += s.value;
  }
  one.mean_bytes = sum / static_cast<double>(epoch.size());
  one.watched_s = epoch.back().t_s - epoch.front().t_s;
  one.bytes_per_s = FitSlopeOnly(epoch, kInflation);
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                            reader.Series(process.key, metric::kRequests));
  for (const SeriesName& name : names) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        auto samples, reader.Read(process.key, name, side.from_ns, side.to_ns));
    if (!samples.empty()) requests[name.label] = std::move(samples);
  }
  if (!requests.empty()) {
    one.requests = RequestsWith(requests, attributes, bytes.front().time_ns,
                                bytes.back().time_ns);
  }
  return one;
}

// What few requests leaked is not what such requests leak: sizes differ. Wide
// enough for those of an exponential distribution.
Estimate PerRequest(const Estimate& bytes_per_s, double requests_per_s,
                    double requests) {
  const Estimate e = Scaled(bytes_per_s, 1 / requests_per_s);
  const double sizes = kWidth95 * e.value / std::sqrt(requests);
  return {e.value, e.value - std::hypot(e.value - e.lo, sizes),
          e.value + std::hypot(e.hi - e.value, sizes)};
}

absl::StatusOr<SideFigures> ReadSide(const FleetReader& reader,
                                     const std::vector<ProcessInfo>& processes,
                                     const SideSpec& side,
                                     const std::string& attributes) {
  SideFigures figures;
  figures.spec = side;
  std::vector<Estimate> slopes;
  std::vector<ProcessKey> for_types;
  double levels = 0, requests = 0, counted_s = 0;
  int32_t with_level = 0;
  for (const ProcessInfo& process : processes) {
    if (!IsOf(process, side)) continue;
    if (++figures.processes > kMostProcesses) continue;
    PLIMSOLL_ASSIGN_OR_RETURN(const OneProcess one,
                              ReadOne(reader, process, side, attributes));
    if (!one.mean_bytes) continue;
    levels += *one.mean_bytes;
    ++with_level;
    figures.process_hours += one.watched_s / 3600;
    if (one.requests) {
      requests += *one.requests;
      counted_s += one.watched_s;
    }
    if (one.bytes_per_s) slopes.push_back(*one.bytes_per_s);
    if (for_types.size() < kMostTypeProcesses) for_types.push_back(process.key);
  }
  figures.with_slope = static_cast<int32_t>(slopes.size());
  if (with_level > 0) figures.anon_bytes = levels / with_level;
  if (!slopes.empty()) figures.bytes_per_s = MeanRate(slopes);
  if (counted_s > 0) {
    figures.requests_per_s = requests / counted_s;
    if (figures.bytes_per_s && requests > 0) {
      figures.bytes_per_request =
          PerRequest(OwnMeanOf(slopes), *figures.requests_per_s, requests);
    }
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      figures.types,
      ReadTypeTable(reader, for_types, side.from_ns, side.to_ns));
  return figures;
}

void CompareTypes(Comparison* c) {
  std::map<std::string, ComparedType> types;
  const auto per_hour = [](const TypeTable& table) {
    return table.processes > 0 && table.span_s > 0
               ? 3600 / table.span_s / table.processes
               : 0;
  };
  for (const TypeRow& row : c->a.types.rows) {
    types[row.type].a_objects_per_h = row.objects_delta * per_hour(c->a.types);
    types[row.type].a_bytes_per_h = row.bytes_delta * per_hour(c->a.types);
  }
  for (const TypeRow& row : c->b.types.rows) {
    types[row.type].b_objects_per_h = row.objects_delta * per_hour(c->b.types);
    types[row.type].b_bytes_per_h = row.bytes_delta * per_hour(c->b.types);
  }
  for (auto& [name, type] : types) {
    type.type = name;
    c->types.push_back(type);
  }
  std::stable_sort(c->types.begin(), c->types.end(),
                   [](const ComparedType& x, const ComparedType& y) {
                     return std::abs(x.a_bytes_per_h - x.b_bytes_per_h) >
                            std::abs(y.a_bytes_per_h - y.b_bytes_per_h);
                   });
  if (c->types.size() > kMostTypes) c->types.resize(kMostTypes);
}

bool Holds(const Estimate& e, double value) {
  return e.lo <= value && value <= e.hi;
}

std::string RatioWords(const Estimate& ratio) {
  return FormatRatio(ratio.value) + " (" + FormatRatio(ratio.lo) + " to " +
         FormatRatio(ratio.hi) + ")";
}

std::string Words(const Comparison& c) {
  for (const SideFigures* side : {&c.a, &c.b}) {
    if (side->processes == 0) {
      return side->spec.text + ": no process was seen there and then";
    }
    if (!side->bytes_per_s) {
      return side->spec.text + ": too few samples for a slope";
    }
  }
  if (!c.ratio) {
    const Estimate difference =
        SumOf({*c.a.bytes_per_s, Scaled(*c.b.bytes_per_s, -1)});
    const bool b_flat = c.b.bytes_per_s->lo <= 0;
    return (b_flat ? c.b.spec.text + " does not surely grow"
                   : c.a.spec.text + " does not grow") +
           ", so there is no ratio; " +
           (difference.lo > 0   ? c.a.spec.text + " grows faster"
            : difference.hi < 0 ? c.b.spec.text + " grows faster"
                                : "no difference is shown");
  }
  std::string words = c.a.spec.text + " grows " + RatioWords(*c.ratio) + " " +
                      c.b.spec.text + " in all";
  if (!c.ratio_per_request) {
    return words + "; per request is not known: no requests are counted";
  }
  words += ", " + RatioWords(*c.ratio_per_request) + " per " +
           (c.attributes.empty() ? "request" : "request with " + c.attributes);
  if (Holds(*c.ratio_per_request, 1)) {
    return words + (Holds(*c.ratio, 1) ? ": no difference is shown"
                                       : ": the traffic differs, not the code");
  }
  if (Holds(*c.ratio, 1)) {
    return words +
           ": as much in all though the traffic differs, so it goes by time "
           "and not by such requests, or the code differs by as much";
  }
  // Unlike kinds of requests make unlike means of any request.
  return words + (c.attributes.empty()
                      ? ": the code or its data differ, or which requests are "
                        "made, not only how many"
                      : ": the code or its data differ, not only the traffic");
}

}  // namespace

std::optional<Estimate> RatioOf(const Estimate& a, const Estimate& b) {
  if (b.lo <= 0 || a.value <= 0 || !std::isfinite(a.hi - a.lo) ||
      !std::isfinite(b.hi - b.lo)) {
    return std::nullopt;
  }
  const double ea = (a.hi - a.lo) / 2 / a.value / kWidth95;
  const double eb = (b.hi - b.lo) / 2 / b.value / kWidth95;
  const double wide = std::exp(kWidth95 * std::hypot(ea, eb));
  const double ratio = a.value / b.value;
  return Estimate{ratio, ratio / wide, ratio * wide};
}

absl::StatusOr<Comparison> CompareSides(
    const FleetReader& reader, const std::vector<ProcessInfo>& processes,
    const SideSpec& a, const SideSpec& b, const std::string& attributes) {
  Comparison c;
  c.attributes = attributes;
  PLIMSOLL_ASSIGN_OR_RETURN(c.a, ReadSide(reader, processes, a, attributes));
  PLIMSOLL_ASSIGN_OR_RETURN(c.b, ReadSide(reader, processes, b, attributes));
  if (c.a.bytes_per_s && c.b.bytes_per_s) {
    c.ratio = RatioOf(*c.a.bytes_per_s, *c.b.bytes_per_s);
  }
  if (c.a.bytes_per_request && c.b.bytes_per_request) {
    c.ratio_per_request =
        RatioOf(*c.a.bytes_per_request, *c.b.bytes_per_request);
  }
  CompareTypes(&c);
  c.words = Words(c);
  return c;
}

}  // namespace plimsoll::collector
