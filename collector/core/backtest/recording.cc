#include "collector/core/backtest/recording.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace plimsoll::collector {
namespace {

constexpr std::string_view kOwnPrefix = "plimsoll_";
constexpr int64_t kFirstSpacingMs = 15'000;
// cAdvisor writes what is unlimited as 0 or as the largest page-aligned value.
constexpr double kUnlimited = 1e15;

std::string_view NameIn(std::string_view series) {
  size_t end = series.find_first_of("{ \t");
  return series.substr(0, end);
}

// Memory series that stand for a whole pod or its sandbox, not for a container.
bool IsSandbox(const MetricName& name) {
  return name.Label("container") == "POD";
}

struct Standard {
  std::string_view metric;
  RecordedStream RecordedUnit::*stream;
};
constexpr std::array<Standard, 7> kStandard = {{
    {"container_memory_rss", &RecordedUnit::rss},
    {"container_memory_working_set_bytes", &RecordedUnit::working_set},
    {"process_resident_memory_bytes", &RecordedUnit::process_rss},
    {"container_spec_memory_limit_bytes", &RecordedUnit::limit},
    {"process_start_time_seconds", &RecordedUnit::start_time},
    {"container_start_time_seconds", &RecordedUnit::start_time},
    {"kube_pod_container_status_restarts_total", &RecordedUnit::restarts},
}};

const Standard* FindStandard(std::string_view metric) {
  for (const Standard& s : kStandard) {
    if (s.metric == metric) return &s;
  }
  return nullptr;
}

}  // namespace

Recording::Recording(RecordingOptions options) : options_(std::move(options)) {}

std::string Recording::LabelOf(const MetricName& name) const {
  std::string label;
  for (const std::string& attribute : options_.attributes) {
    const std::string_view value = name.Label(attribute);
    if (value.empty()) continue;
    if (!label.empty()) label += ',';
    label += attribute;
    label += '=';
    label += value;
  }
  return label;
}

RecordedUnit& Recording::UnitOf(const MetricName& name) {
  const std::string_view pod = name.Label("pod");
  UnitName key{std::string(name.Label("namespace")),
               std::string(pod.empty() ? name.Label("instance") : pod),
               std::string(name.Label("container"))};
  RecordedUnit& unit = units_[key];
  if (unit.name.pod.empty()) unit.name = key;
  const auto take = [&name](std::string& mine, std::string_view label) {
    const std::string_view value = name.Label(label);
    if (mine.empty() && !value.empty()) mine = std::string(value);
  };
  take(unit.workload, "workload");
  if (pod.empty()) take(unit.workload, "job");
  take(unit.region, "region");
  take(unit.version, "version");
  return unit;
}

RecordedStream* Recording::StreamOf(const MetricName& name) {
  const bool requests = !options_.requests_metric.empty() &&
                        name.name == options_.requests_metric;
  const bool own = name.name.starts_with(kOwnPrefix);
  const Standard* standard = FindStandard(name.name);
  if (!requests && !own && standard == nullptr) return nullptr;
  if (IsSandbox(name)) return nullptr;
  if (name.Label("pod").empty() && name.Label("instance").empty()) {
    ++no_pod_;
    return nullptr;
  }
  ++series_;
  RecordedUnit& unit = UnitOf(name);
  if (requests) return &unit.counters[LabelOf(name)].emplace_back();
  if (standard != nullptr) return &(unit.*standard->stream);
  const std::string metric = name.name.substr(kOwnPrefix.size());
  if (metric == metric::kAnon) return &unit.anon;
  if (metric == metric::kCgroupLimit) return &unit.limit;
  return &unit.own[{metric, std::string(name.Label("label"))}];
}

std::string_view Recording::Add(const MetricSample& sample) {
  if (newest_text_ == sample.series) {
    if (newest_ != nullptr) AddTo(*newest_, sample.time_ms, sample.value);
    return "";
  }
  const std::string_view metric = NameIn(sample.series);
  if (!metric.starts_with(kOwnPrefix) && metric != options_.requests_metric &&
      FindStandard(metric) == nullptr) {
    return "";
  }
  std::string text(sample.series);
  auto at = known_.find(text);
  if (at == known_.end()) {
    if (known_.size() >= options_.max_series) return "more than 2^20 series";
    MetricName name;
    std::string_view why;
    if (!ParseMetricName(sample.series, name, why)) return why;
    at = known_.emplace(text, StreamOf(name)).first;
  }
  newest_text_ = std::move(text);
  newest_ = at->second;
  if (newest_ != nullptr) AddTo(*newest_, sample.time_ms, sample.value);
  return "";
}

void Recording::AddTo(RecordedStream& stream, int64_t time_ms, double value) {
  if (!std::isfinite(value) || value < 0) return;
  if (stream.newest_ms != INT64_MIN && time_ms >= stream.newest_ms &&
      time_ms - stream.newest_ms < least_spacing_ms_) {
    return;
  }
  stream.Add(time_ms, value);
  if (++samples_ > options_.max_samples) Thin();
}

void Recording::Thin() {
  least_spacing_ms_ = std::max(kFirstSpacingMs, 2 * least_spacing_ms_);
  ++thinnings_;
  size_t gone = 0;
  const auto thin = [&](RecordedStream& s) {
    // A sample late by a little is still one of this spacing.
    gone += s.Thin(least_spacing_ms_ - least_spacing_ms_ / 8);
  };
  for (auto& [name, unit] : units_) {
    thin(unit.anon);
    for (const Standard& s : kStandard) thin(unit.*s.stream);
    for (auto& [label, streams] : unit.counters) {
      for (RecordedStream& s : streams) thin(s);
    }
    for (auto& [series, stream] : unit.own) thin(stream);
  }
  samples_ -= gone;
}

void Recording::Seal() {
  known_.clear();
  newest_text_.clear();
  newest_ = nullptr;
  // Series without a container belong to the pod's largest one.
  for (auto& [name, unit] : units_) {
    if (!name.container.empty()) continue;
    RecordedUnit* main = nullptr;
    for (auto at = units_.upper_bound(name);
         at != units_.end() && at->first.ns == name.ns &&
         at->first.pod == name.pod;
         ++at) {
      const RecordedStream& m = at->second.memory();
      if (!m.empty() && (main == nullptr ||
                         m.value(m.size() / 2) >
                             main->memory().value(main->memory().size() / 2))) {
        main = &at->second;
      }
    }
    if (main == nullptr) continue;
    main->Adopt(unit);
    unit.rss = unit.working_set = unit.process_rss = unit.anon = {};
  }
  for (auto& [name, unit] : units_) {
    unit.Finish();
    const RecordedStream& m = unit.memory();
    if (m.empty()) continue;
    if (last_ns_ < 0 || m.time_ns(0) < first_ns_) first_ns_ = m.time_ns(0);
    last_ns_ = std::max(last_ns_, m.time_ns(m.size() - 1));
  }
  for (const auto& [name, unit] : units_) {
    for (RecordedLife& life : LivesOf(unit, first_ns_, last_ns_)) {
      life.info.key = static_cast<ProcessKey>(lives_.size()) + 1;
      lives_.push_back(std::move(life));
    }
  }
}

absl::StatusOr<std::vector<ProcessInfo>> Recording::Processes(
    int64_t since_ns) const {
  std::vector<ProcessInfo> out;
  for (const RecordedLife& life : lives_) {
    if (life.info.first_seen_ns > now_ns_ ||
        life.info.last_seen_ns < since_ns) {
      continue;
    }
    out.push_back(life.info);
    out.back().last_seen_ns = std::min(life.info.last_seen_ns, now_ns_);
  }
  return out;
}

absl::StatusOr<std::vector<SeriesName>> Recording::Series(
    ProcessKey process, const std::string& metric) const {
  std::vector<SeriesName> out;
  if (process < 1 || process > static_cast<ProcessKey>(lives_.size())) {
    return out;
  }
  const RecordedUnit& unit = *lives_[static_cast<size_t>(process - 1)].unit;
  if (metric == metric::kRequests) {
    for (const auto& [label, stream] : unit.requests) {
      out.push_back({metric, label});
    }
  }
  for (const auto& [name, stream] : unit.own) {
    if (name.metric == metric) out.push_back(name);
  }
  return out;
}

absl::StatusOr<std::vector<Sample>> Recording::Read(ProcessKey process,
                                                    const SeriesName& series,
                                                    int64_t from_ns,
                                                    int64_t to_ns) const {
  if (process < 1 || process > static_cast<ProcessKey>(lives_.size())) {
    return std::vector<Sample>();
  }
  const RecordedLife& life = lives_[static_cast<size_t>(process - 1)];
  const RecordedUnit& unit = *life.unit;
  const int64_t from = std::max(from_ns, life.from_ns);
  const int64_t to = std::min({to_ns, life.to_ns, now_ns_ + 1});
  if (series.metric == metric::kAnon) return unit.memory().Between(from, to);
  if (series.metric == metric::kCgroupLimit) {
    std::vector<Sample> limits = unit.limit.Between(from, to);
    std::erase_if(limits, [](const Sample& s) {
      return s.value <= 0 || s.value > kUnlimited;
    });
    return limits;
  }
  if (series.metric == metric::kRequests) {
    const auto at = unit.requests.find(series.label);
    if (at != unit.requests.end()) return at->second.Between(from, to);
  }
  const auto at = unit.own.find(series);
  if (at == unit.own.end()) return std::vector<Sample>();
  return at->second.Between(from, to);
}

absl::StatusOr<std::vector<StackEvidence>> Recording::Stacks(ProcessKey,
                                                             int64_t,
                                                             int64_t) const {
  return std::vector<StackEvidence>();
}
absl::StatusOr<CensusShares> Recording::Census(ProcessKey) const {
  return CensusShares{};
}
absl::StatusOr<std::optional<CommandState>> Recording::NewestCommand(
    ProcessKey) const {
  return std::optional<CommandState>();
}
std::optional<double> Recording::NodeSwapFreeBytes(const std::string&) const {
  return std::nullopt;
}

std::optional<double> Recording::NodeAvailableBytes(const std::string&) const {
  return std::nullopt;
}

}  // namespace plimsoll::collector
