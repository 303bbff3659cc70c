// The bodies of /api/v1.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "collector/core/incident/incident_json.h"
#include "collector/core/text/json_writer.h"
#include "collector/http/api.h"
#include "collector/http/api_parts.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::http {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int kMaxEvidence = 100;

void WriteDocument(const StoredDocument& document, JsonWriter* json) {
  json->BeginObject()
      .Field("time_unix_s", UnixSeconds(document.time_ns))
      .Field("window_s", static_cast<double>(document.window_ns) / 1e9);
  json->Key("value").Raw(document.json).EndObject();
}

// A unix time in seconds of the query, or `otherwise`.
absl::StatusOr<int64_t> TimeOf(const Request& request, const char* key,
                               int64_t otherwise_ns) {
  auto found = request.query.find(key);
  if (found == request.query.end() || found->second.empty()) {
    return otherwise_ns;
  }
  char* end = nullptr;
  double seconds = std::strtod(found->second.c_str(), &end);
  if (*end != '\0' || !std::isfinite(seconds) || std::abs(seconds) > 4e9) {
    return absl::InvalidArgumentError(std::string(key) +
                                      ": not a unix time in seconds");
  }
  return static_cast<int64_t>(seconds * kNsPerSecond);
}

// Of the newest census: claims of objects to own what cannot be theirs.
absl::StatusOr<std::optional<double>> ImplausibleClaims(
    const ApiPorts& ports, ProcessKey key, const ProcessState& state) {
  for (const StoredDocument& document : state.latest) {
    if (document.kind != "census") continue;
    PLIMSOLL_ASSIGN_OR_RETURN(
        const std::vector<Sample> samples,
        ports.reader->Read(key, {"census_implausible_claims", ""},
                           document.time_ns - kNsPerMs,
                           document.time_ns + kNsPerMs));
    if (!samples.empty()) return samples.back().value;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::string> WorkloadsJson(const ApiPorts& ports) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<WorkloadRow> rows, Workloads(ports));
  JsonWriter json;
  json.BeginObject().Key("workloads").BeginArray();
  for (const WorkloadRow& row : rows) {
    json.BeginObject();
    WriteWorkloadRow(row, &json);
    json.EndObject();
  }
  return json.EndArray().EndObject().Take();
}

absl::StatusOr<std::string> ProcessesJson(const ApiPorts& ports, bool all) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<ProcessInfo> processes,
                            ports.reader->Processes(0));
  JsonWriter json;
  json.BeginObject().Key("processes").BeginArray();
  for (const ProcessInfo& info : processes) {
    if (!all && !IsAlive(info, ports.now_ns())) continue;
    json.BeginObject();
    WriteProcessInfo(info, &json);
    json.EndObject();
  }
  return json.EndArray().EndObject().Take();
}

absl::StatusOr<std::string> ProcessJson(const ApiPorts& ports, ProcessKey key) {
  PLIMSOLL_ASSIGN_OR_RETURN(ProcessState state, ports.board->Process(key));
  JsonWriter json;
  json.BeginObject();
  WriteProcessInfo(state.info, &json);
  json.Field("build_id", state.build_id)
      .Field("allocator", state.allocator)
      .Field("object_path", state.object_path)
      .Field("oom_killed", state.oom_killed);
  WriteOptional("census_typed_share", state.typed_share, &json);
  PLIMSOLL_ASSIGN_OR_RETURN(const std::optional<double> implausible,
                            ImplausibleClaims(ports, key, state));
  WriteOptional("census_implausible_claims", implausible, &json);
  json.Key("tiers").BeginArray();
  for (const TierState& tier : state.tiers) {
    json.BeginObject()
        .Field("tier", tier.tier)
        .Field("ok", tier.ok)
        .Field("reason", tier.reason)
        .Field("rung", tier.rung)
        .EndObject();
  }
  json.EndArray().Key("latest").BeginObject();
  for (const StoredDocument& document : state.latest) {
    json.Key(document.kind);
    WriteDocument(document, &json);
  }
  json.EndObject().Key("commands").BeginArray();
  for (const CommandState& command : state.commands) {
    json.BeginObject()
        .Field("id", static_cast<int64_t>(command.id))
        .Field("what", command.what)
        .Field("outcome", command.outcome)
        .Field("reason", command.reason)
        .Field("sent_unix_s", UnixSeconds(command.sent_ns))
        .EndObject();
  }
  return json.EndArray().EndObject().Take();
}

absl::StatusOr<std::string> SeriesJson(const ApiPorts& ports, ProcessKey key,
                                       const Request& request) {
  PLIMSOLL_RETURN_IF_ERROR(ports.board->Process(key).status());
  JsonWriter json;
  json.BeginObject().Field("process", key);
  auto metric = request.query.find("metric");
  if (metric == request.query.end()) {
    PLIMSOLL_ASSIGN_OR_RETURN(std::vector<SeriesName> names,
                              ports.board->AllSeries(key));
    json.Key("series").BeginArray();
    for (const SeriesName& name : names) {
      json.BeginObject()
          .Field("metric", name.metric)
          .Field("label", name.label)
          .EndObject();
    }
    return json.EndArray().EndObject().Take();
  }
  int64_t now_ns = ports.now_ns();
  PLIMSOLL_ASSIGN_OR_RETURN(int64_t to_ns,
                            TimeOf(request, "to", now_ns + 60 * kNsPerSecond));
  PLIMSOLL_ASSIGN_OR_RETURN(
      int64_t from_ns, TimeOf(request, "from", to_ns - 3'600 * kNsPerSecond));
  if (from_ns >= to_ns) {
    return absl::InvalidArgumentError("from is not before to");
  }
  auto label = request.query.find("label");
  SeriesName name{metric->second,
                  label == request.query.end() ? "" : label->second};
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<Sample> samples,
                            ports.reader->Read(key, name, from_ns, to_ns));
  json.Field("metric", name.metric).Field("label", name.label);
  json.Key("samples").BeginArray();
  for (const Sample& sample : samples) {
    json.BeginArray()
        .Double(UnixSeconds(sample.time_ns))
        .Double(sample.value)
        .EndArray();
  }
  return json.EndArray().EndObject().Take();
}

absl::StatusOr<std::string> StacksJson(const ApiPorts& ports, ProcessKey key) {
  PLIMSOLL_RETURN_IF_ERROR(ports.board->Process(key).status());
  JsonWriter json;
  json.BeginObject().Field("process", key);
  for (const char* kind : {"stacks", "holders"}) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        std::vector<StoredDocument> documents,
        ports.board->Evidence(key, kind, std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max(),
                              kMaxEvidence));
    json.Key(kind).BeginArray();
    for (const StoredDocument& document : documents) {
      WriteDocument(document, &json);
    }
    json.EndArray();
  }
  return json.EndObject().Take();
}

absl::StatusOr<std::string> IncidentsJson(const ApiPorts& ports) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<Incident> incidents, ports.incidents());
  JsonWriter json;
  json.BeginObject().Key("incidents").BeginArray();
  for (const Incident& incident : incidents) json.Raw(EncodeIncident(incident));
  return json.EndArray().EndObject().Take();
}

absl::StatusOr<Incident> FindIncident(const ApiPorts& ports,
                                      const std::string& id) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<Incident> incidents, ports.incidents());
  for (Incident& incident : incidents) {
    if (incident.id == id) return std::move(incident);
  }
  return absl::NotFoundError("no incident with that id");
}

absl::StatusOr<std::string> IncidentJson(const ApiPorts& ports,
                                         const std::string& id) {
  PLIMSOLL_ASSIGN_OR_RETURN(Incident incident, FindIncident(ports, id));
  return EncodeIncident(incident);
}

absl::StatusOr<std::string> NodesJson(const ApiPorts& ports) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<AgentState> agents,
                            ports.board->Agents());
  std::vector<std::string> connected = ports.connected_agents();
  JsonWriter json;
  json.BeginObject().Key("nodes").BeginArray();
  for (const AgentState& agent : agents) {
    json.BeginObject()
        .Field("agent_id", agent.agent_id)
        .Field("node", agent.node_name)
        .Field("agent_version", agent.agent_version)
        .Field("kernel", agent.kernel_release)
        .Field("attach_rung", agent.attach_rung)
        .Field("connected", std::find(connected.begin(), connected.end(),
                                      agent.agent_id) != connected.end())
        .Field("last_seen_unix_s", UnixSeconds(agent.last_seen_ns))
        .Field("processes", agent.processes);
    json.Key("figures").BeginObject();
    for (const auto& [name, value] : agent.figures) json.Field(name, value);
    json.EndObject().Key("losses").BeginArray();
    for (const ReasonCount& loss : agent.losses) {
      json.BeginObject()
          .Field("reason", loss.reason)
          .Field("count", loss.count)
          .EndObject();
    }
    json.EndArray().EndObject();
  }
  return json.EndArray().EndObject().Take();
}

}  // namespace plimsoll::collector::http
