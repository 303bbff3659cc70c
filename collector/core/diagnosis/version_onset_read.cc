#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "collector/core/diagnosis/version_onset.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLookBackNs = 2 * 86400 * kSecond;
constexpr int64_t kRenewNs = 300 * kSecond;
constexpr size_t kMostLives = 12;  // of a version, the newest
constexpr double kMostAge_s = 86400;
constexpr size_t kMostLabelSets = 200;
// Requests are counted where what is compared begins and ends.
constexpr int64_t kEndNs = 120 * kSecond;

int64_t StartOf(const ProcessInfo& info) {
  return info.start_unix_ns > 0 ? info.start_unix_ns : info.first_seen_ns;
}

// The first start of each version.
std::map<std::string, int64_t> FirstStarts(
    const std::vector<ProcessInfo>& infos) {
  std::map<std::string, int64_t> starts;
  for (const ProcessInfo& info : infos) {
    const auto [at, fresh] = starts.try_emplace(info.version, StartOf(info));
    at->second = std::min(at->second, StartOf(info));
  }
  return starts;
}

// The oldest version that leaks; "" where none is known.
std::string LeakingVersion(const Incident& incident,
                           const std::map<std::string, int64_t>& starts) {
  std::string oldest;
  for (const AffectedProcess& p : incident.processes) {
    if (!p.leaking || p.helper || !starts.contains(p.version)) continue;
    if (oldest.empty() || starts.at(p.version) < starts.at(oldest)) {
      oldest = p.version;
    }
  }
  return oldest;
}

// The one that began last before it; "" if there is none.
std::string VersionBefore(const std::string& version,
                          const std::map<std::string, int64_t>& starts) {
  std::string before;
  for (const auto& [name, start] : starts) {
    if (name.empty() || start >= starts.at(version)) continue;
    if (before.empty() || start > starts.at(before)) before = name;
  }
  return before;
}

// Parents of others are masters: they neither serve nor grow.
std::vector<ProcessInfo> WithoutParents(const std::vector<ProcessInfo>& infos) {
  using Place = std::tuple<std::string, std::string, int32_t>;
  std::set<Place> parents;
  for (const ProcessInfo& info : infos) {
    if (info.parent_pid > 0) {
      parents.emplace(info.agent_id, info.pod, info.parent_pid);
    }
  }
  std::vector<ProcessInfo> out;
  for (const ProcessInfo& info : infos) {
    if (!parents.contains({info.agent_id, info.pod, info.pid})) {
      out.push_back(info);
    }
  }
  return out;
}

// The newest of a version first, as many as are wanted.
std::vector<ProcessInfo> LivesOf(const std::vector<ProcessInfo>& infos,
                                 const std::string& version) {
  std::vector<ProcessInfo> lives;
  for (const ProcessInfo& info : infos) {
    if (info.version == version) lives.push_back(info);
  }
  std::stable_sort(lives.begin(), lives.end(),
                   [](const ProcessInfo& a, const ProcessInfo& b) {
                     return StartOf(a) > StartOf(b);
                   });
  if (lives.size() > kMostLives) lives.resize(kMostLives);
  return lives;
}

double OldestOf(const std::vector<ProcessInfo>& lives) {
  double oldest = 0;
  for (const ProcessInfo& info : lives) {
    oldest = std::max(
        oldest, static_cast<double>(info.last_seen_ns - StartOf(info)) / 1e9);
  }
  return oldest;
}

absl::StatusOr<VersionedLife> ReadLife(const FleetReader& reader,
                                       const ProcessInfo& info, double to_s) {
  VersionedLife life;
  life.version = info.version;
  life.start_ns = StartOf(info);
  const int64_t to = life.start_ns + static_cast<int64_t>(to_s * 1e9) + 1;
  PLIMSOLL_ASSIGN_OR_RETURN(
      life.bytes,
      reader.Read(info.key, {metric::kAnon, ""}, life.start_ns, to));
  if (life.bytes.empty()) return life;
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                            reader.Series(info.key, metric::kRequests));
  const int64_t first = life.bytes.front().time_ns;
  const int64_t last = life.bytes.back().time_ns;
  const int64_t from =
      first +
      static_cast<int64_t>(kOnsetFromAge * static_cast<double>(last - first));
  const int64_t end = std::min(kEndNs, (last - first) / 6);
  for (size_t i = 0; i < std::min(names.size(), kMostLabelSets); ++i) {
    std::vector<Sample>& counts = life.requests[names[i].label];
    for (const int64_t at : {first, from, last}) {
      PLIMSOLL_ASSIGN_OR_RETURN(
          const auto samples,
          reader.Read(info.key, names[i], at - end, at + end));
      counts.insert(counts.end(), samples.begin(), samples.end());
    }
    if (counts.empty()) life.requests.erase(names[i].label);
  }
  return life;
}

// What was told stays true when the version before is forgotten or the first
// hours are a smaller part of the whole.
bool IsTold(const VersionOnset& onset) { return onset.began || onset.later; }

}  // namespace

absl::Status ReadVersionOnset(const FleetReader& reader, int64_t now_ns,
                              Incident& incident) {
  const auto& known = incident.version_onset;
  if (known && now_ns - known->at_ns < kRenewNs) return absl::OkStatus();
  const int64_t from = now_ns - kLookBackNs;
  PLIMSOLL_ASSIGN_OR_RETURN(const auto all, reader.Processes(from));
  std::vector<ProcessInfo> mine;
  for (const ProcessInfo& info : all) {
    if (info.workload == incident.workload) mine.push_back(info);
  }
  const auto starts = FirstStarts(mine);
  const std::string version = LeakingVersion(incident, starts);
  const bool same = known && known->version == version;
  if (same && IsTold(*known)) return absl::OkStatus();
  const std::string before =
      version.empty() ? "" : VersionBefore(version, starts);
  const bool dated_only = same && known->not_before && known->before == before;
  VersionOnset onset = dated_only ? *known : VersionOnset{};
  incident.version_onset.reset();
  if (before.empty()) return absl::OkStatus();
  const std::vector<ProcessInfo> workers = WithoutParents(mine);
  std::vector<ProcessInfo> of_both = LivesOf(workers, version);
  const std::vector<ProcessInfo> earlier = LivesOf(workers, before);
  const double to_s =
      std::min({OldestOf(of_both), OldestOf(earlier), kMostAge_s});
  of_both.insert(of_both.end(), earlier.begin(), earlier.end());
  std::vector<VersionedLife> lives;
  for (const ProcessInfo& info : of_both) {
    PLIMSOLL_ASSIGN_OR_RETURN(VersionedLife life, ReadLife(reader, info, to_s));
    lives.push_back(std::move(life));
  }
  const auto& causes = incident.traffic.causes;
  if (dated_only) {
    DateOnset(lives, onset);
  } else {
    onset = JudgeOnset(lives, version, before,
                       causes.size() == 1 ? causes.front().attributes : "");
  }
  onset.at_ns = now_ns;
  incident.version_onset = std::move(onset);
  return absl::OkStatus();
}

}  // namespace plimsoll::collector
