#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collector/core/diagnosis/diagnosis_stored.h"
#include "collector/core/traffic/traffic.h"
#include "collector/core/traffic/traffic_compare.h"
#include "collector/core/traffic/traffic_sources.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// An estimate stands until this share of its window has come anew.
constexpr double kRenewAfter = 0.02;
constexpr int64_t kRenewAtLeastNs = 20 * kSecond;

bool Explains(const Traffic& traffic) {
  return !traffic.causes.empty() || !traffic.states.empty();
}

bool IsFresh(const Incident& incident, int64_t now_ns) {
  const int64_t made = incident.traffic.at_ns;
  if (made == 0 || !Explains(incident.traffic)) {
    return made != 0 && now_ns - made < kRenewAtLeastNs;
  }
  const double window = std::max(
      incident.window_s, static_cast<double>(made - incident.opened_ns) / 1e9);
  return now_ns - made <
         std::max(kRenewAtLeastNs,
                  static_cast<int64_t>(kRenewAfter * window * 1e9));
}

// Of the signals, the first that names a cause; its bytes are stated in those
// of anonymous memory where they can be told there, since that is what kills.
Traffic Attribute(const std::vector<TrafficSignal>& signals,
                  const TrafficThresholds& thresholds) {
  Traffic best;
  best.not_known = "no request counts";
  for (const TrafficSignal& signal : signals) {
    Traffic traffic = AttributeTraffic(signal.series, thresholds);
    traffic.signal = traffic.bytes_of = signal.name;
    if (Explains(traffic)) {
      for (size_t i = signals.size(); i > 0; --i) {
        if (signals[i - 1].name == signal.name) break;
        if (Restate(signals[i - 1].series, thresholds, traffic)) {
          traffic.bytes_of = signals[i - 1].name;
          break;
        }
      }
      return traffic;
    }
    if (traffic.looks >= best.looks) best = std::move(traffic);
  }
  return best;
}

// The names of a cause: itself, and those that it stands for together.
std::vector<std::string> NamesOfCause(const TrafficCause& cause) {
  std::vector<std::string> names = {cause.attributes};
  if (cause.joint) {
    names.insert(names.end(), cause.inseparable_from.begin(),
                 cause.inseparable_from.end());
  }
  return names;
}

// Restates each cause's share as its requests' part of the rate that the page
// gives, so that bytes per request times requests per minute is that share.
void ShareOfRate(const std::vector<TrafficProcess>& processes, int64_t now_ns,
                 Incident& incident) {
  const int64_t from = now_ns - static_cast<int64_t>(incident.window_s * 1e9);
  std::set<std::string> instances;
  for (const TrafficProcess& p : processes) {
    if (p.leaking) instances.insert(p.instance);
  }
  const double rate = incident.bytes_per_s.value;
  if (instances.empty() || rate <= 0) return;
  double unexplained = 1;
  for (TrafficCause& cause : incident.traffic.causes) {
    double per_s = 0;
    bool known = false;
    for (const TrafficProcess& p : processes) {
      if (!p.leaking) continue;
      for (const std::string& name : NamesOfCause(cause)) {
        const auto one = RequestRate(p.series.requests, name, from, now_ns);
        known = known || one.has_value();
        per_s += one.value_or(0);
      }
    }
    if (known) {
      cause.requests_per_s = per_s / static_cast<double>(instances.size());
      cause.share = std::min(
          1.0, cause.bytes_per_request.value * *cause.requests_per_s / rate);
    }
    unexplained -= cause.share;
  }
  for (const StateCause& state : incident.traffic.states) {
    unexplained -= state.share;
  }
  incident.traffic.unexplained_share = std::max(0.0, unexplained);
}

const TrafficSignal* SignalNamed(const std::vector<TrafficSignal>& signals,
                                 const std::string& name) {
  for (const TrafficSignal& signal : signals) {
    if (signal.name == name) return &signal;
  }
  return nullptr;
}

// What a region's line shows, from the comparison, which outlives it.
void FillRegions(Incident& incident) {
  const auto& c = incident.regions_compared;
  for (RegionGrowth& region : incident.regions) {
    region.bytes_per_request.reset();
    if (!c || incident.traffic.causes.empty()) continue;
    if (region.region == c->one) {
      region.bytes_per_request = c->bytes_per_request_one;
    } else if (region.region == c->other) {
      region.bytes_per_request = c->bytes_per_request_other;
    }
  }
}

// The worst region against the next worst, by rate.
void CompareRegions(const std::vector<TrafficProcess>& processes,
                    const TrafficSignal& signal,
                    const TrafficThresholds& thresholds, Incident& incident) {
  incident.regions_compared.reset();
  if (incident.regions.size() < 2) return;
  std::vector<std::string> groups;
  for (const TrafficProcess& p : processes) groups.push_back(p.info.region);
  incident.regions_compared = CompareGroups(
      signal.series, groups, incident.regions[0].region,
      incident.regions[1].region, incident.traffic.causes, thresholds);
}

// The version of the worst process against the other one that most run.
void CompareVersions(const std::vector<TrafficProcess>& processes,
                     const TrafficSignal& signal,
                     const TrafficThresholds& thresholds, Incident& incident) {
  incident.versions_compared.reset();
  if (incident.processes.empty()) return;
  const std::string& worst = incident.processes.front().version;
  std::vector<std::string> groups;
  std::vector<TrafficSeries> series;
  std::map<std::string, int> others;
  for (size_t i = 0; i < processes.size(); ++i) {
    // Another cluster would differ by more than its version.
    if (processes[i].elsewhere) continue;
    groups.push_back(processes[i].info.version);
    series.push_back(signal.series[i]);
    if (groups.back() != worst) ++others[groups.back()];
  }
  if (others.empty()) return;
  const auto most = std::max_element(
      others.begin(), others.end(),
      [](const auto& a, const auto& b) { return a.second < b.second; });
  incident.versions_compared = CompareGroups(
      series, groups, worst, most->first, incident.traffic.causes, thresholds);
}

std::vector<TrafficSignal> OfLeakingVersions(
    const std::vector<TrafficProcess>& processes,
    const std::vector<TrafficSignal>& signals) {
  std::vector<TrafficSignal> out;
  for (const TrafficSignal& signal : signals) {
    TrafficSignal part{signal.name, {}};
    for (size_t i = 0; i < processes.size(); ++i) {
      if (processes[i].of_leaking_version) {
        part.series.push_back(signal.series[i]);
      }
    }
    out.push_back(std::move(part));
  }
  return out;
}

}  // namespace

absl::Status ReadTraffic(const FleetReader& reader,
                         const TrafficThresholds& thresholds, int64_t now_ns,
                         Incident& incident) {
  if (IsFresh(incident, now_ns)) {
    FillRegions(incident);
    return absl::OkStatus();
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const auto processes,
                            ReadTrafficProcesses(reader, incident, now_ns));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto signals,
      ReadTrafficSignals(reader, incident, processes, now_ns));
  incident.traffic =
      Attribute(OfLeakingVersions(processes, signals), thresholds);
  incident.traffic.at_ns = now_ns;
  if (const auto* signal = SignalNamed(signals, incident.traffic.bytes_of)) {
    CompareRegions(processes, *signal, thresholds, incident);
    CompareVersions(processes, *signal, thresholds, incident);
  }
  FillRegions(incident);
  ShareOfRate(processes, now_ns, incident);
  return absl::OkStatus();
}

}  // namespace plimsoll::collector
