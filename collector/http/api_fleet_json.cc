// Answers about the whole fleet: the board, and what is covered and lost.
#include <algorithm>
#include <map>
#include <set>

#include "collector/core/text/json_writer.h"
#include "collector/http/api.h"
#include "collector/http/api_parts.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::http {
namespace {

bool IsConnected(const std::vector<std::string>& connected,
                 const std::string& agent) {
  return std::find(connected.begin(), connected.end(), agent) !=
         connected.end();
}

struct TierCount {
  int64_t ok = 0, refused = 0;
  std::map<std::string, int64_t> reasons;
};

void WriteCounts(const char* key, const std::map<std::string, int64_t>& counts,
                 JsonWriter* json) {
  json->Key(key).BeginArray();
  for (const auto& [reason, count] : counts) {
    json->BeginObject()
        .Field("reason", reason)
        .Field("count", count)
        .EndObject();
  }
  json->EndArray();
}

absl::Status WriteTiers(const ApiPorts& ports, JsonWriter* json) {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<ProcessInfo> processes,
                            ports.reader->Processes(0));
  std::map<std::string, TierCount> tiers;
  for (const ProcessInfo& info : processes) {
    if (!IsAlive(info, ports.now_ns())) continue;
    auto state = ports.board->Process(info.key);
    if (!state.ok()) continue;  // forgotten meanwhile
    for (const TierState& tier : state->tiers) {
      TierCount& count = tiers[tier.tier];
      ++(tier.ok ? count.ok : count.refused);
      if (!tier.ok) ++count.reasons[tier.reason];
    }
  }
  json->Key("tiers").BeginArray();
  for (const auto& [name, count] : tiers) {
    json->BeginObject()
        .Field("tier", name)
        .Field("ok", count.ok)
        .Field("refused", count.refused);
    WriteCounts("reasons", count.reasons, json);
    json->EndObject();
  }
  json->EndArray();
  return absl::OkStatus();
}

void WriteTargets(const ApiPorts& ports, JsonWriter* json) {
  json->Key("notifiers").BeginArray();
  for (const TargetStatus& target : ports.notifiers()) {
    json->BeginObject()
        .Field("target", target.target)
        .Field("accepted", target.sent)
        .Field("failed", target.failed)
        .Field("waiting", target.waiting)
        .Field("last_error", target.last_error)
        .EndObject();
  }
  json->EndArray().Key("silence_sources").BeginArray();
  for (const SilenceSourceStatus& source : ports.silence_sources()) {
    json->BeginObject()
        .Field("url", source.url)
        .Field("reads", source.reads)
        .Field("failures", source.failures)
        .Field("silences", source.silences)
        .Field("unreadable", source.unreadable)
        .Field("last_error", source.last_error)
        .EndObject();
  }
  json->EndArray().Key("request_sources").BeginArray();
  for (const RequestSourceStatus& source : ports.request_sources()) {
    json->BeginObject()
        .Field("source", source.source)
        .Field("looks", source.looks)
        .Field("failures", source.failures)
        .Field("processes", source.processes)
        .Field("series", source.series)
        .Field("unmatched", source.unmatched)
        .Field("without_pod", source.without_pod)
        .Field("unusable", source.unusable)
        .Field("last_error", source.last_error)
        .EndObject();
  }
  json->EndArray();
}

}  // namespace

absl::StatusOr<std::string> BoardJson(const ApiPorts& ports) {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<WorkloadRow> rows,
                            Workloads(ports));
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<Incident> incidents,
                            ports.incidents());
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<AgentState> agents,
                            ports.board->Agents());
  const std::vector<std::string> connected = ports.connected_agents();
  int64_t processes = 0, firing = 0, pages = 0, pending = 0, silenced = 0;
  int64_t there = 0;
  for (const WorkloadRow& row : rows) processes += row.processes;
  std::map<WorkloadName, const Incident*> open;
  for (const Incident& i : incidents) {
    if (i.state == IncidentState::kResolved) continue;
    open[i.workload] = &i;
    const bool fires = i.state == IncidentState::kFiring;
    firing += fires ? 1 : 0;
    pending += fires ? 0 : 1;
    pages += fires && i.page ? 1 : 0;
    silenced += i.silence ? 1 : 0;
  }
  for (const AgentState& agent : agents) {
    there += IsConnected(connected, agent.agent_id) ? 1 : 0;
  }
  JsonWriter json;
  json.BeginObject()
      .Field("now_unix_s", UnixSeconds(ports.now_ns()))
      .Field("collector_version", ports.version);
  json.Key("totals")
      .BeginObject()
      .Field("workloads", static_cast<int64_t>(rows.size()))
      .Field("processes", processes)
      .Field("nodes", static_cast<int64_t>(agents.size()))
      .Field("nodes_connected", there)
      .Field("incidents_firing", firing)
      .Field("pages_firing", pages)
      .Field("incidents_pending", pending)
      .Field("incidents_silenced", silenced)
      .EndObject();
  json.Key("workloads").BeginArray();
  for (const WorkloadRow& row : rows) {
    json.BeginObject();
    WriteWorkloadRow(row, &json);
    json.Key("incident");
    const auto at = open.find(row.name);
    if (at == open.end()) {
      json.Null();
    } else {
      WriteIncidentRow(*at->second, &json);
      open.erase(at);
    }
    json.EndObject();
  }
  // Of workloads that were not seen for ten minutes.
  json.EndArray().Key("other_incidents").BeginArray();
  for (const auto& [name, incident] : open) WriteIncidentRow(*incident, &json);
  return json.EndArray().EndObject().Take();
}

absl::StatusOr<std::string> CoverageJson(const ApiPorts& ports) {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<AgentState> agents,
                            ports.board->Agents());
  const std::vector<std::string> connected = ports.connected_agents();
  JsonWriter json;
  json.BeginObject().Key("nodes").BeginArray();
  for (const AgentState& agent : agents) {
    json.BeginObject()
        .Field("agent_id", agent.agent_id)
        .Field("node", agent.node_name)
        .Field("connected", IsConnected(connected, agent.agent_id))
        .Field("last_seen_unix_s", UnixSeconds(agent.last_seen_ns))
        .Field("attach_rung", agent.attach_rung)
        .Field("processes", agent.processes);
    std::map<std::string, int64_t> losses;
    for (const ReasonCount& loss : agent.losses) {
      losses[loss.reason] = loss.count;
    }
    WriteCounts("losses", losses, &json);
    json.EndObject();
  }
  json.EndArray();
  PLIMSOLL_RETURN_IF_ERROR(WriteTiers(ports, &json));
  std::map<std::string, int64_t> own;
  for (int reason = 1; reason < PLIMSOLL_DROP_REASON_COUNT; ++reason) {
    const auto drop = static_cast<plimsoll_drop_reason>(reason);
    if (ports.losses->Total(drop) == 0) continue;
    own[DropReasonLabel(reason)] = ports.losses->Total(drop);
  }
  WriteCounts("collector_losses", own, &json);
  WriteTargets(ports, &json);
  return json.EndObject().Take();
}

}  // namespace plimsoll::collector::http
