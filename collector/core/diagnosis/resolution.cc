#include "collector/core/diagnosis/resolution.h"

#include <algorithm>
#include <optional>
#include <set>

#include "collector/core/history/request_counts.h"
#include "collector/core/stats/random_effects.h"
#include "collector/core/text/format.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kRecentNs = 600'000'000'000;
// Of the rate that the page named: less is no traffic to speak of.
constexpr double kStopped = 0.2;
// Of the slope that leaked: the interval must be under it to call it cured.
constexpr double kCured = 0.25;

struct Now {
  std::set<std::string> leaking_versions;   // of the incident
  std::vector<const ProcessTrend*> heirs;   // alive and not of the incident
  std::vector<const ProcessTrend*> former;  // alive and of it
};

Now LookAt(const Incident& incident, const std::vector<ProcessTrend>& trends) {
  Now now;
  std::set<ProcessKey> leaking, known;
  for (const AffectedProcess& p : incident.processes) {
    known.insert(p.process);
    if (!p.leaking) continue;
    leaking.insert(p.process);
    now.leaking_versions.insert(p.version);
  }
  for (const ProcessTrend& t : trends) {
    if (t.exited) continue;
    if (leaking.contains(t.info.key)) {
      now.former.push_back(&t);
    } else if (!known.contains(t.info.key) ||
               !now.leaking_versions.contains(t.info.version)) {
      now.heirs.push_back(&t);
    }
  }
  return now;
}

std::string Slope(const Estimate& bytes_per_s) {
  return FormatRateWithInterval(bytes_per_s, "");
}

// "fixed in version b: 12 MiB/min (95 % CI ...) before, ... since, over 4
// processes"; nothing when that is not shown.
std::string Fixed(const Incident& incident, const Now& now) {
  if (now.leaking_versions.contains("")) return "";
  std::set<std::string> versions;
  std::vector<Estimate> slopes;
  for (const ProcessTrend* t : now.heirs) {
    if (t->info.version.empty() ||
        now.leaking_versions.contains(t->info.version)) {
      return "";
    }
    versions.insert(t->info.version);
    if (t->recent_bytes_per_s) slopes.push_back(*t->recent_bytes_per_s);
  }
  if (versions.empty()) return "";
  const std::string version = Join({versions.begin(), versions.end()}, ", ");
  const std::string before = Slope(incident.bytes_per_s);
  if (slopes.empty()) {
    return "replaced by version " + version + ", which is too young to tell (" +
           before + " before)";
  }
  const Estimate mean = MeanRate(slopes);
  const std::string since = before + " before, " + Slope(mean) +
                            " since, over " + std::to_string(slopes.size()) +
                            (slopes.size() == 1 ? " process" : " processes");
  return mean.hi < kCured * incident.bytes_per_s.value
             ? "fixed in version " + version + ": " + since
             : "replaced by version " + version +
                   ", not shown to be fixed: " + since;
}

std::string Restarted(const Now& now) {
  const bool same = std::any_of(
      now.heirs.begin(), now.heirs.end(), [&](const ProcessTrend* t) {
        return now.leaking_versions.contains(t->info.version);
      });
  if (!same) return "";
  const std::string version =
      Join({now.leaking_versions.begin(), now.leaking_versions.end()}, ", ");
  return "restarted only" +
         (version.empty() ? "" : ", version " + version + " again") +
         ": expect it to leak anew";
}

// Requests per second of the first cause in the processes that leaked.
std::optional<double> RequestsNow(const Incident& incident,
                                  const FleetReader& reader, int64_t now_ns) {
  std::optional<double> sum;
  for (const AffectedProcess& p : incident.processes) {
    if (!p.leaking) continue;
    RequestSeries requests;
    auto names = reader.Series(p.process, metric::kRequests);
    if (!names.ok()) return std::nullopt;
    for (const SeriesName& name : *names) {
      auto samples =
          reader.Read(p.process, name, now_ns - kRecentNs, now_ns + 1);
      if (!samples.ok()) return std::nullopt;
      if (!samples->empty()) requests[name.label] = *std::move(samples);
    }
    const auto rate =
        RequestRate(requests, incident.traffic.causes.front().attributes,
                    now_ns - kRecentNs, now_ns);
    if (rate) sum = sum.value_or(0) + *rate;
  }
  return sum;
}

std::string TrafficStopped(const Incident& incident, const FleetReader& reader,
                           int64_t now_ns) {
  if (incident.traffic.causes.empty()) return "";
  const TrafficCause& cause = incident.traffic.causes.front();
  if (!cause.requests_per_s || *cause.requests_per_s <= 0) return "";
  const auto now = RequestsNow(incident, reader, now_ns);
  const double before =
      *cause.requests_per_s * std::max(1, incident.leaking_instances);
  if (!now || *now > kStopped * before) return "";
  return "the traffic stopped: " + FormatCount(*now * 60) + "/min of " +
         (cause.attributes.empty() ? "requests" : cause.attributes) + ", " +
         FormatCount(before * 60) +
         "/min while it leaked; it will leak again with them";
}

}  // namespace

std::string WhyResolved(const Incident& incident,
                        const std::vector<ProcessTrend>& trends,
                        const FleetReader& reader, int64_t now_ns,
                        const std::string& seen) {
  const Now now = LookAt(incident, trends);
  std::string why;
  if (now.former.empty()) {
    why = Fixed(incident, now);
    if (why.empty()) why = Restarted(now);
  } else {
    why = TrafficStopped(incident, reader, now_ns);
  }
  return why.empty() ? seen : seen + "; " + why;
}

}  // namespace plimsoll::collector
