#include "collector/core/diagnosis/gc_figures.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "collector/core/text/format.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

using Samples = std::vector<Sample>;

// They are read with a census, which on a busy node comes each twenty minutes.
constexpr double kRecentS = 1800;
// Python's own thresholds (700 and 10 until 3.12, 2,000 and 10 since): what is
// ten times as rare, and has let pass what would have been two collections of
// the oldest generation, is out of reach.
constexpr double kYoung = 700, kOlder = 10, kRarer = 10, kPassed = 2;
// Of the growing objects, and of what makes the oldest generation due.
constexpr double kMuch = 0.5;

class Reader {
 public:
  Reader(const FleetReader& fleet, ProcessKey process, double window_s,
         int64_t now_ns)
      : fleet_(fleet), process_(process), to_ns_(now_ns + 1) {
    const double range_s = std::max(kRecentS, window_s);
    from_ns_ = now_ns - static_cast<int64_t>(range_s * 1e9);
  }
  // None past a failure.
  Samples Read(const char* metric, const std::string& label = "") {
    if (!status_.ok()) return {};
    auto samples = fleet_.Read(process_, {metric, label}, from_ns_, to_ns_);
    status_.Update(samples.status());
    return samples.ok() ? *std::move(samples) : Samples();
  }
  std::optional<double> Last(const char* metric,
                             const std::string& label = "") {
    const Samples samples = Read(metric, label);
    return samples.empty() ? std::nullopt
                           : std::optional<double>(samples.back().value);
  }
  const absl::Status& status() const { return status_; }

 private:
  const FleetReader& fleet_;
  const ProcessKey process_;
  int64_t from_ns_ = 0, to_ns_;
  absl::Status status_;
};

double SecondsTo(const Samples& samples, size_t from) {
  return static_cast<double>(samples.back().time_ns - samples[from].time_ns) /
         1e9;
}

// The first of the readings that end the list and are equal.
size_t FirstEqual(const Samples& samples) {
  size_t first = samples.size() - 1;
  while (first > 0 && samples[first - 1].value == samples.back().value) --first;
  return first;
}

// By how much the newest is more than it was at that time.
double MoreSince(const Samples& samples, int64_t since_ns) {
  for (const Sample& s : samples) {
    if (s.time_ns >= since_ns) return samples.back().value - s.value;
  }
  return 0;
}

void ReadGenerations(Reader& reader, GcFigures& out) {
  const Samples full = reader.Read(metric::kGcCollections, "2");
  if (full.empty()) return;
  const size_t first = FirstEqual(full);
  out.since_s = SecondsTo(full, first);
  out.full_seen = first > 0;
  std::array<GcFigures::Generation, 3> generations;
  for (size_t i = 0; i < generations.size(); ++i) {
    const std::string label = std::to_string(i);
    const Samples runs = reader.Read(metric::kGcCollections, label);
    const Samples freed = reader.Read(metric::kGcCollected, label);
    if (runs.empty() || freed.empty()) return;
    generations[i] = {runs.back().value, freed.back().value,
                      MoreSince(runs, full[first].time_ns),
                      MoreSince(freed, full[first].time_ns)};
  }
  out.generations = generations;
}

void ReadFrozen(Reader& reader, double window_s, GcFigures& out) {
  const Samples frozen = reader.Read(metric::kGcFrozen);
  if (frozen.empty()) return;
  out.frozen_objects = frozen.back().value;
  size_t from = 0;
  while (from + 2 < frozen.size() && SecondsTo(frozen, from) > window_s / 2) {
    ++from;
  }
  out.frozen_more = frozen.back().value - frozen[from].value;
  out.frozen_s = SecondsTo(frozen, from);
}

std::string Thresholds(const GcFigures& f) {
  std::string words = "thresholds ";
  for (size_t i = 0; i < 3; ++i) {
    words += (i == 0 ? "" : ", ") + FormatCount((*f.thresholds)[i]);
  }
  return words;
}

std::string Frozen(const GcFigures& f) {
  return "gc.freeze() puts objects out of the collector's sight (" +
         FormatCount(*f.frozen_objects) + " are, " +
         FormatCount(f.frozen_more) + " more in " + FormatDuration(f.frozen_s) +
         ")";
}

// Thresholds that are not met: nothing was collected that would have been.
std::string OutOfReach(const GcFigures& f, double grown) {
  const std::array<double, 3>& threshold = *f.thresholds;
  const double young = (*f.generations)[0].collections_since;
  const GcFigures::Generation& second = (*f.generations)[1];
  const bool ever = (*f.generations)[2].collections > 0;
  const double middle = ever ? second.collections_since : second.collections;
  const auto passes = [](double runs, double limit, double usual, double due) {
    return limit >= kRarer * usual && runs >= kPassed * due && runs <= limit;
  };
  const std::string never = "the collector never reaches the old generation (";
  if (passes(middle, threshold[2], kOlder, kOlder + 1)) {
    return never + Thresholds(f) + "; " + FormatCount(middle) +
           " collections of the middle one, none of it)";
  }
  const double due = kOlder + 1;
  if (second.collections_since == 0 &&
      passes(young, threshold[1], kOlder, due * due)) {
    return never + Thresholds(f) + "; " + FormatCount(young) +
           " collections of the youngest one, none of it)";
  }
  if (second.collections_since == 0 && young == 0 &&
      passes(grown, threshold[0], kYoung, kYoung * due * due)) {
    return "the collector does not start (" + Thresholds(f) +
           "; no collection in " + FormatDuration(f.since_s) + ")";
  }
  return "";
}

// It is due and waits for a quarter more objects, and they may be garbage.
GcFinding Waits(const GcFigures& f, double grown) {
  if (!f.long_lived || !f.pending) return {};
  const double quarter = std::floor(*f.long_lived / 4);
  const std::array<GcFigures::Generation, 3>& g = *f.generations;
  const bool due = g[1].collections_since > (*f.thresholds)[2];
  if (!due || *f.pending >= quarter || *f.pending < kMuch * grown) return {};
  const std::string words =
      "the old generation is due and waits until more than a quarter as many "
      "objects as the " +
      FormatCount(*f.long_lived) + " that it held are new in it (" +
      FormatCount(*f.pending) + " are)";
  const double freed =
      g[2].collections > 0 ? g[2].collected / g[2].collections : 0;
  if (freed >= kMuch * quarter) {
    return {.problem = words + ", and each collection of it freed " +
                       FormatCount(freed) + " on average",
            .doubt = ""};
  }
  // Does the program make garbage in cycles at all, and so much of it?
  const double found = g[0].collected_since + g[1].collected_since;
  if (found < grown) return {};
  return {.problem = "", .doubt = words};
}

// Frozen once, as a server does before it forks. What is dropped of it stays.
std::string FrozenDoubt(const GcFigures& f, double objects_per_s,
                        double window_s) {
  const double grown = objects_per_s * window_s;
  if (f.frozen_objects.value_or(0) < std::max(1.0, grown)) return "";
  return "what was dropped of the " + FormatCount(*f.frozen_objects) +
         " objects that gc.freeze() put out of the collector's sight";
}

}  // namespace

absl::StatusOr<GcFigures> ReadGcFigures(const FleetReader& fleet,
                                        ProcessKey process, double window_s,
                                        int64_t now_ns) {
  Reader reader(fleet, process, window_s, now_ns);
  GcFigures out;
  out.enabled = reader.Last(metric::kGcEnabled);
  ReadGenerations(reader, out);
  ReadFrozen(reader, window_s, out);
  const auto young = reader.Last(metric::kGcThreshold, "0");
  const auto middle = reader.Last(metric::kGcThreshold, "1");
  const auto old = reader.Last(metric::kGcThreshold, "2");
  if (young && middle && old) out.thresholds = {*young, *middle, *old};
  out.long_lived = reader.Last(metric::kGcLongLived);
  out.pending = reader.Last(metric::kGcPending);
  PLIMSOLL_RETURN_IF_ERROR(reader.status());
  return out;
}

GcFinding JudgeGc(const GcFigures& f, double objects_per_s, double window_s) {
  // Somebody calls gc.collect(): what grows since is no garbage.
  const bool collected = f.full_seen && f.since_s < window_s / 2;
  if (f.enabled && *f.enabled == 0 && !collected) {
    return {
        .problem = "the collector is off (gc.disable() or gc.set_threshold(0))",
        .doubt = ""};
  }
  if (objects_per_s <= 0) return {};
  if (f.frozen_more >= std::max(1.0, kMuch * objects_per_s * f.frozen_s)) {
    return {.problem = Frozen(f), .doubt = ""};
  }
  GcFinding finding;
  const double grown = objects_per_s * f.since_s;
  const bool never = f.generations && (*f.generations)[2].collections == 0;
  const bool long_ago = never || f.since_s >= window_s / 2;
  if (f.enabled.value_or(0) == 1 && f.thresholds && f.generations &&
      (*f.thresholds)[0] > 0 && long_ago && grown >= 1) {
    finding.problem = OutOfReach(f, grown);
    if (finding.problem.empty()) finding = Waits(f, grown);
  }
  if (finding.problem.empty() && finding.doubt.empty()) {
    finding.doubt = FrozenDoubt(f, objects_per_s, window_s);
  }
  return finding;
}

}  // namespace plimsoll::collector
