#include <algorithm>
#include <map>
#include <set>

#include "collector/http/api.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::http {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kWindowNs = 600 * kNsPerSecond;
constexpr int64_t kLeastNs = 120 * kNsPerSecond;

// Least squares; nothing when the samples span too little.
std::optional<double> SlopePerSecond(const std::vector<Sample>& samples) {
  if (samples.size() < 3 ||
      samples.back().time_ns - samples.front().time_ns < kLeastNs) {
    return std::nullopt;
  }
  double n = static_cast<double>(samples.size());
  double mean_t = 0, mean_v = 0;
  auto seconds = [&](const Sample& sample) {
    return static_cast<double>(sample.time_ns - samples.front().time_ns) /
           kNsPerSecond;
  };
  for (const Sample& sample : samples) {
    mean_t += seconds(sample) / n;
    mean_v += sample.value / n;
  }
  double tt = 0, tv = 0;
  for (const Sample& sample : samples) {
    double t = seconds(sample) - mean_t;
    tt += t * t;
    tv += t * (sample.value - mean_v);
  }
  return tt > 0 ? std::optional<double>(tv / tt) : std::nullopt;
}

// Of what is not known to be in a cgroup nothing is said.
absl::StatusOr<bool> IsWithoutLimit(const FleetReader& reader, ProcessKey key,
                                    int64_t now_ns) {
  const auto known = [&](const char* metric) -> absl::StatusOr<bool> {
    PLIMSOLL_ASSIGN_OR_RETURN(
        const std::vector<Sample> samples,
        reader.Read(key, {metric, ""}, now_ns - kWindowNs, now_ns + kWindowNs));
    return !samples.empty();
  };
  PLIMSOLL_ASSIGN_OR_RETURN(const bool limited, known(metric::kCgroupLimit));
  if (limited) return false;
  return known(metric::kCgroupCurrent);
}

absl::Status AddVerdicts(const ApiPorts& ports,
                         std::map<WorkloadName, WorkloadRow>& rows) {
  std::map<WorkloadName, ShownVerdict> shown;
  if (ports.shown) shown = ports.shown();
  for (auto& [name, row] : rows) {
    const auto at = shown.find(name);
    row.verdict_why = at == shown.end() ? "not judged yet" : at->second.why;
    if (at != shown.end()) row.verdict = at->second.verdict;
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const auto incidents, ports.incidents());
  for (const Incident& incident : incidents) {
    const auto at = rows.find(incident.workload);
    if (at == rows.end() || incident.state == IncidentState::kResolved) {
      continue;
    }
    const bool fires = incident.state == IncidentState::kFiring;
    at->second.verdict = fires ? incident.cause : Verdict::kUnknown;
    at->second.verdict_why =
        "incident " + incident.id + (fires ? "" : ": not sure yet");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<WorkloadRow>> Workloads(const ApiPorts& ports) {
  int64_t now_ns = ports.now_ns();
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<ProcessInfo> processes,
                            ports.reader->Processes(now_ns - kWindowNs));
  std::map<WorkloadName, WorkloadRow> rows;
  std::map<WorkloadName, std::set<std::string>> regions, versions;
  for (const ProcessInfo& process : processes) {
    if (process.exited) continue;
    WorkloadRow& row = rows[process.workload];
    row.name = process.workload;
    ++row.processes;
    if (!process.region.empty()) {
      regions[process.workload].insert(process.region);
    }
    if (!process.version.empty()) {
      versions[process.workload].insert(process.version);
    }
    PLIMSOLL_ASSIGN_OR_RETURN(
        std::vector<Sample> rss,
        ports.reader->Read(process.key, {metric::kRss, ""}, now_ns - kWindowNs,
                           now_ns + kWindowNs));
    if (!rss.empty()) row.rss_bytes += rss.back().value;
    PLIMSOLL_ASSIGN_OR_RETURN(
        std::vector<Sample> anon,
        ports.reader->Read(process.key, {metric::kAnon, ""}, now_ns - kWindowNs,
                           now_ns + kWindowNs));
    PLIMSOLL_ASSIGN_OR_RETURN(
        const bool without_limit,
        IsWithoutLimit(*ports.reader, process.key, now_ns));
    row.no_limit += without_limit ? 1 : 0;
    if (auto slope = SlopePerSecond(anon)) {
      row.anon_bytes_per_s = row.anon_bytes_per_s.value_or(0) + *slope;
      ++row.slope_processes;
    }
  }
  PLIMSOLL_RETURN_IF_ERROR(AddVerdicts(ports, rows));
  std::vector<WorkloadRow> out;
  for (auto& [name, row] : rows) {
    row.regions.assign(regions[name].begin(), regions[name].end());
    row.versions.assign(versions[name].begin(), versions[name].end());
    out.push_back(std::move(row));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const WorkloadRow& a, const WorkloadRow& b) {
                     return a.anon_bytes_per_s.value_or(-1e300) >
                            b.anon_bytes_per_s.value_or(-1e300);
                   });
  return out;
}

}  // namespace plimsoll::collector::http
