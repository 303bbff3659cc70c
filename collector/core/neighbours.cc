#include "collector/core/neighbours.h"

#include <algorithm>
#include <vector>

#include "collector/core/format.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kAliveNs = int64_t{60} * 1'000'000'000;
constexpr size_t kMostNamed = 2;

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
  ForecastSwapping(reader, mine->agent_id, incident);
  std::vector<Neighbour> found;
  for (const ProcessInfo& info : all) {
    if (info.agent_id != mine->agent_id || info.exited || info.pid == 0) {
      continue;
    }
    PLIMSOLL_ASSIGN_OR_RETURN(const auto samples,
                              reader.Read(info.key, {metric::kAnon, ""},
                                          now_ns - kAliveNs, now_ns + 1));
    if (samples.empty()) continue;
    found.push_back({info.workload.name, info.pid, samples.back().value,
                     info.key == worst});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Neighbour& a, const Neighbour& b) {
                     return a.anon_bytes > b.anon_bytes;
                   });
  incident.neighbours = std::move(found);
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
  return words + " (" + (place == 1 ? "then " : "before it ") +
         Join(others, ", ") + ")";
}

}  // namespace plimsoll::collector
