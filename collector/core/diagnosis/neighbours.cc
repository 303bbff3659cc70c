#include "collector/core/diagnosis/neighbours.h"

#include <algorithm>
#include <vector>

#include "collector/core/stats/random_effects.h"
#include "collector/core/stats/robust_slope.h"
#include "collector/core/text/format.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kAliveNs = int64_t{60} * 1'000'000'000;
constexpr size_t kMostNamed = 2;
// What a neighbour grows by now is looked at over so long.
constexpr double kLeastWindow_s = 600;
constexpr double kMostWindow_s = 1800;
constexpr size_t kMostPoints = 60;
// Of the worst process' slope: less changes no forecast.
constexpr double kLeastOthers = 0.1;

std::optional<Estimate> SlopeOf(const std::vector<Sample>& samples) {
  Epoch epoch;
  const size_t step = 1 + samples.size() / kMostPoints;
  for (size_t i = 0; i < samples.size(); i += step) {
    epoch.push_back(
        {static_cast<double>(samples[i].time_ns - samples[0].time_ns) / 1e9,
         samples[i].value});
  }
  return FitSlopeOnly(epoch, 1.4);
}

// What others take comes off the same memory.
void ForecastWithOthers(const FleetReader& reader, const std::string& agent_id,
                        const std::vector<Estimate>& others,
                        Incident& incident) {
  const auto left = reader.NodeAvailableBytes(agent_id);
  const Estimate& own = incident.processes.front().bytes_per_s;
  if (!left || !incident.time_to_limit || others.empty() || own.value <= 0 ||
      SumOf(others).lo < kLeastOthers * own.value) {
    return;
  }
  std::vector<Estimate> all = others;
  all.push_back(own);
  const Estimate sum = SumOf(all);
  TimeToLimit& time = *incident.time_to_limit;
  time.lo_s = std::min(time.lo_s, *left / sum.hi);
  if (sum.lo > 0) time.hi_s = std::min(time.hi_s, *left / sum.lo);
  incident.node_loses_bytes_per_s = sum;
}

// Growth takes memory first and then swap, at the same pace.
void ForecastSwapping(const FleetReader& reader, const std::string& agent_id,
                      Incident& incident) {
  const double left = reader.NodeAvailableBytes(agent_id).value_or(0);
  const double swap = reader.NodeSwapFreeBytes(agent_id).value_or(0);
  if (!incident.time_to_limit || swap <= 0 || swap >= left) return;
  const double share = (left - swap) / left;
  incident.time_to_swap = TimeToLimit{incident.time_to_limit->lo_s * share,
                                      incident.time_to_limit->hi_s * share};
}

}  // namespace

absl::Status ReadNeighbours(const FleetReader& reader, int64_t now_ns,
                            Incident& incident) {
  incident.neighbours.clear();
  incident.time_to_swap.reset();
  incident.node_loses_bytes_per_s.reset();
  if (!incident.limit_of_node || incident.processes.empty()) {
    return absl::OkStatus();
  }
  const ProcessKey worst = incident.processes.front().process;
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<ProcessInfo> all,
                            reader.Processes(now_ns - kAliveNs));
  const auto mine =
      std::find_if(all.begin(), all.end(),
                   [&](const ProcessInfo& info) { return info.key == worst; });
  if (mine == all.end()) return absl::OkStatus();
  const double window_s =
      std::clamp(incident.window_s, kLeastWindow_s, kMostWindow_s);
  const int64_t from_ns = now_ns - static_cast<int64_t>(window_s * 1e9);
  std::vector<Neighbour> found;
  std::vector<Estimate> others;
  for (const ProcessInfo& info : all) {
    if (info.agent_id != mine->agent_id || info.exited || info.pid == 0) {
      continue;
    }
    PLIMSOLL_ASSIGN_OR_RETURN(
        const auto samples,
        reader.Read(info.key, {metric::kAnon, ""}, from_ns, now_ns + 1));
    if (samples.empty() || samples.back().time_ns < now_ns - kAliveNs) continue;
    const auto slope = SlopeOf(samples);
    if (info.key != worst && slope && slope->lo > 0) others.push_back(*slope);
    found.push_back({info.workload.name, info.pid, samples.back().value,
                     info.key == worst});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Neighbour& a, const Neighbour& b) {
                     return a.anon_bytes > b.anon_bytes;
                   });
  incident.neighbours = std::move(found);
  ForecastWithOthers(reader, mine->agent_id, others, incident);
  ForecastSwapping(reader, mine->agent_id, incident);
  return absl::OkStatus();
}

std::string NeighbourWords(const Incident& incident) {
  const std::vector<Neighbour>& all = incident.neighbours;
  const auto mine = std::find_if(all.begin(), all.end(),
                                 [](const Neighbour& n) { return n.worst; });
  if (mine == all.end() || all.size() < 2) return "";
  const auto place = mine - all.begin() + 1;
  std::string words = place == 1 ? "the largest of "
                                 : "number " + std::to_string(place) + " of ";
  words += std::to_string(all.size()) +
           " Python processes there: " + FormatBytes(mine->anon_bytes);
  std::vector<std::string> others;
  for (const Neighbour& n : all) {
    if (!n.worst && others.size() < kMostNamed) {
      others.push_back(n.workload + " " + FormatBytes(n.anon_bytes));
    }
  }
  words += std::string(" (") + (place == 1 ? "then " : "before it ") +
           Join(others, ", ") + ")";
  if (incident.node_loses_bytes_per_s) {
    words += "; others grow there too, with it by " +
             FormatRate(incident.node_loses_bytes_per_s->value) +
             ": the time left is by that";
  }
  return words;
}

}  // namespace plimsoll::collector
