#include "collector/core/diagnosis_stored.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "collector/core/robust_slope.h"
#include "collector/core/traffic.h"
#include "collector/core/type_growth.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLeastWindowNs = 300 * kSecond;
constexpr int64_t kTrafficWindowNs = 3600 * kSecond;
constexpr int64_t kEvidenceBeforeNs = 600 * kSecond;
constexpr size_t kMostStacks = 10;
constexpr size_t kMostTypes = 10;
constexpr size_t kMostTypePoints = 100;
constexpr size_t kMostTypeProcesses = 4;
constexpr size_t kMostTrafficProcesses = 12;

absl::StatusOr<std::optional<double>> SlopeOf(const FleetReader& reader,
                                              ProcessKey process,
                                              const char* metric, int64_t from,
                                              int64_t to) {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<Sample> samples,
                            reader.Read(process, {metric, ""}, from, to));
  Epoch epoch;
  for (const Sample& s : samples) {
    epoch.push_back({static_cast<double>(s.time_ns - from) / 1e9, s.value});
  }
  if (epoch.size() < 4) return std::optional<double>();
  return TheilSen(std::span<const Epoch>(&epoch, 1));
}

const AffectedProcess* Worst(const Incident& incident) {
  return incident.processes.empty() || !incident.processes.front().leaking
             ? nullptr
             : &incident.processes.front();
}

// Lower is better; -1: not of this incident.
int TypeRank(const Incident& incident, const std::string& type) {
  if (type.empty()) return 1000;
  for (size_t i = 0; i < incident.types.size(); ++i) {
    if (incident.types[i].type == type) return static_cast<int>(i);
  }
  return -1;
}

int KindRank(const std::string& kind) {
  if (kind == "birth") return 0;  // followed to what stays
  if (kind == "window") return 1;
  return kind == "page" || kind == "native" ? 2 : -1;
}

absl::StatusOr<TrafficSeries> SeriesOf(const FleetReader& reader,
                                       ProcessKey process, int64_t from,
                                       int64_t to) {
  TrafficSeries series;
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                            reader.Series(process, metric::kRequests));
  for (const SeriesName& name : names) {
    PLIMSOLL_ASSIGN_OR_RETURN(auto samples,
                              reader.Read(process, name, from, to));
    if (!samples.empty()) series.requests[name.label] = std::move(samples);
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      series.bytes, reader.Read(process, {metric::kAnon, ""}, from, to));
  return series;
}

// Why a window that is over brought nothing; "" when it is done.
std::string ProblemOf(const CommandState& command) {
  if (command.outcome == "done") return "";
  const std::string how = command.outcome == "refused"        ? "was refused"
                          : command.outcome == "process_gone" ? "came too late"
                                                              : "failed";
  return "the window " + how + ": " +
         (command.reason.empty() ? "no reason given" : command.reason);
}

struct RegionSums {
  double growth = 0, requests = 0;
};

// Growth over the requests of the first cause, by region.
void PerRequest(const std::map<std::string, RegionSums>& sums,
                Incident& incident) {
  for (RegionGrowth& region : incident.regions) {
    region.bytes_per_request.reset();
    const auto at = sums.find(region.region);
    if (at == sums.end() || at->second.requests < 1) continue;
    const double value = at->second.growth / at->second.requests;
    const double slope = region.bytes_per_s.value;
    if (slope <= 0) continue;
    const Estimate& s = region.bytes_per_s;
    region.bytes_per_request =
        Estimate{value, value * s.lo / slope, value * s.hi / slope};
  }
}

// Restates each cause's share as its requests' part of the rate that the page
// gives, so that bytes per request times requests per minute is that share.
void ShareOfRate(const std::vector<TrafficSeries>& all,
                 const std::vector<const AffectedProcess*>& whose,
                 int64_t now_ns, Incident& incident) {
  const int64_t from = now_ns - static_cast<int64_t>(incident.window_s * 1e9);
  std::set<std::string> instances;
  for (const AffectedProcess* p : whose) {
    if (p->leaking) instances.insert(p->instance);
  }
  const double rate = incident.bytes_per_s.value;
  if (instances.empty() || rate <= 0) return;
  double unexplained = 1;
  for (TrafficCause& cause : incident.traffic.causes) {
    double per_s = 0;
    bool known = false;
    for (size_t i = 0; i < all.size(); ++i) {
      if (!whose[i]->leaking) continue;
      const auto one = RequestRate(all[i], cause.attributes, from, now_ns);
      known = known || one.has_value();
      per_s += one.value_or(0);
    }
    if (known) {
      cause.requests_per_s = per_s / static_cast<double>(instances.size());
      cause.share = std::min(
          1.0, cause.bytes_per_request.value * *cause.requests_per_s / rate);
    }
    unexplained -= cause.share;
  }
  incident.traffic.unexplained_share = std::max(0.0, unexplained);
}

absl::StatusOr<Epoch> ReadEpoch(const FleetReader& reader, ProcessKey process,
                                const SeriesName& name, int64_t from,
                                int64_t to) {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<Sample> samples,
                            reader.Read(process, name, from, to));
  Epoch epoch;
  const size_t step = 1 + samples.size() / kMostTypePoints;
  for (size_t i = 0; i < samples.size(); i += step) {
    epoch.push_back({static_cast<double>(samples[i].time_ns - from) / 1e9,
                     samples[i].value});
  }
  return epoch;
}

// The types of one process that rise.
absl::StatusOr<std::vector<TypeTrend>> RisingTypes(const FleetReader& reader,
                                                   ProcessKey process,
                                                   int64_t from, int64_t to) {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                            reader.Series(process, metric::kTypeObjects));
  std::vector<TypeTrend> rising;
  for (const SeriesName& name : names) {
    PLIMSOLL_ASSIGN_OR_RETURN(const Epoch objects,
                              ReadEpoch(reader, process, name, from, to));
    const auto fit = FitSlope(objects, 1.4);
    if (!fit || fit->slope.lo <= 0 || fit->z < 2.6) continue;
    PLIMSOLL_ASSIGN_OR_RETURN(
        const Epoch bytes,
        ReadEpoch(reader, process, {metric::kTypeBytes, name.label}, from, to));
    const auto byte_slope = FitSlopeOnly(bytes, 1.4);
    if (byte_slope) rising.push_back({name.label, fit->slope, *byte_slope});
  }
  return rising;
}

}  // namespace

absl::Status ReadTypes(const FleetReader& reader, int64_t now_ns,
                       Incident& incident) {
  if (Worst(incident) == nullptr || !incident.types.empty()) {
    return absl::OkStatus();
  }
  const int64_t from = now_ns - static_cast<int64_t>(incident.window_s * 1e9);
  std::vector<std::vector<TypeTrend>> types;
  std::set<std::string> instances;
  double growth = 0;
  for (const AffectedProcess& p : incident.processes) {
    if (!p.leaking || types.size() >= kMostTypeProcesses) break;
    PLIMSOLL_ASSIGN_OR_RETURN(auto rising,
                              RisingTypes(reader, p.process, from, now_ns + 1));
    types.push_back(std::move(rising));
    instances.insert(p.instance);
    growth += p.bytes_per_s.value;
  }
  incident.types = RankTypes(types, growth);
  DivideTypes(static_cast<double>(instances.size()), incident.types);
  if (incident.types.size() > kMostTypes) incident.types.resize(kMostTypes);
  return absl::OkStatus();
}

absl::Status ReadShares(const FleetReader& reader, int64_t now_ns,
                        Incident& incident) {
  const AffectedProcess* worst = Worst(incident);
  if (worst == nullptr) return absl::OkStatus();
  const int64_t window =
      std::max(kLeastWindowNs, static_cast<int64_t>(incident.window_s * 1e9));
  const int64_t from = now_ns - window;
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto anon,
      SlopeOf(reader, worst->process, metric::kAnon, from, now_ns + 1));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto live,
      SlopeOf(reader, worst->process, metric::kLiveBytes, from, now_ns + 1));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto free,
      SlopeOf(reader, worst->process, metric::kFreeBytes, from, now_ns + 1));
  if (!anon || *anon <= 0 || !live) return absl::OkStatus();
  incident.shares.python = *live / *anon;
  if (free) incident.shares.free = *free / *anon;
  incident.shares.native = 1 - *live / *anon - free.value_or(0) / *anon;
  return absl::OkStatus();
}

absl::Status ReadCoverage(const FleetReader& reader, Incident& incident) {
  const AffectedProcess* worst = Worst(incident);
  if (worst == nullptr) return absl::OkStatus();
  PLIMSOLL_ASSIGN_OR_RETURN(const CensusShares shares,
                            reader.Census(worst->process));
  if (shares.examined) incident.census_coverage = shares.examined;
  if (shares.typed) incident.typed_share = shares.typed;
  return absl::OkStatus();
}

absl::Status ReadRequests(const FleetReader& reader, Incident& incident) {
  std::vector<EvidenceRequest> requests;
  const AffectedProcess* worst = Worst(incident);
  for (const AffectedProcess& p : incident.processes) {
    PLIMSOLL_ASSIGN_OR_RETURN(const auto command,
                              reader.NewestCommand(p.process));
    if (!command || command->sent_ns < incident.opened_ns) continue;
    requests.push_back({p.process, command->what, command->outcome,
                        command->reason, command->sent_ns,
                        command->finished_ns});
    if (&p == worst && !command->outcome.empty()) {
      incident.evidence_problem = ProblemOf(*command);
    }
  }
  incident.requests = std::move(requests);
  return absl::OkStatus();
}

absl::Status ReadStacks(const FleetReader& reader, int64_t now_ns,
                        Incident& incident) {
  std::vector<StackEvidence> found;
  const int64_t from = incident.opened_ns - kEvidenceBeforeNs;
  for (const AffectedProcess& p : incident.processes) {
    if (!p.leaking) continue;
    PLIMSOLL_ASSIGN_OR_RETURN(auto stacks,
                              reader.Stacks(p.process, from, now_ns + 1));
    for (StackEvidence& s : stacks) {
      if (TypeRank(incident, s.type) >= 0 && KindRank(s.kind) >= 0 &&
          !s.frames.empty()) {
        found.push_back(std::move(s));
      }
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [&](const StackEvidence& a, const StackEvidence& b) {
                     const int ta = TypeRank(incident, a.type);
                     const int tb = TypeRank(incident, b.type);
                     if (ta != tb) return ta < tb;
                     const int ka = KindRank(a.kind), kb = KindRank(b.kind);
                     if (ka != kb) return ka < kb;
                     if (a.objects != b.objects) return a.objects > b.objects;
                     return a.time_ns > b.time_ns;
                   });
  if (found.size() > kMostStacks) found.resize(kMostStacks);
  if (!found.empty()) incident.stacks = std::move(found);
  return absl::OkStatus();
}

absl::Status ReadTraffic(const FleetReader& reader,
                         const TrafficThresholds& thresholds, int64_t now_ns,
                         Incident& incident) {
  const int64_t from = now_ns - kTrafficWindowNs;
  std::vector<TrafficSeries> all;
  std::vector<const AffectedProcess*> whose;
  for (const AffectedProcess& p : incident.processes) {
    if (all.size() >= kMostTrafficProcesses) break;
    PLIMSOLL_ASSIGN_OR_RETURN(TrafficSeries series,
                              SeriesOf(reader, p.process, from, now_ns + 1));
    if (series.requests.empty() || series.bytes.size() < 3) continue;
    all.push_back(std::move(series));
    whose.push_back(&p);
  }
  incident.traffic = AttributeTraffic(all, thresholds);
  std::map<std::string, RegionSums> sums;
  if (!incident.traffic.causes.empty()) {
    for (size_t i = 0; i < all.size(); ++i) {
      RegionSums& sum = sums[whose[i]->region];
      sum.growth += all[i].bytes.back().value - all[i].bytes.front().value;
      sum.requests += RequestsWith(
          all[i], incident.traffic.causes.front().attributes,
          all[i].bytes.front().time_ns, all[i].bytes.back().time_ns);
    }
  }
  PerRequest(sums, incident);
  ShareOfRate(all, whose, now_ns, incident);
  return absl::OkStatus();
}

}  // namespace plimsoll::collector
