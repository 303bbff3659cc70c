#include "collector/http/api_parts.h"

namespace plimsoll::collector::http {
namespace {

void WriteList(const char* key, const std::vector<std::string>& items,
               JsonWriter* json) {
  json->Key(key).BeginArray();
  for (const std::string& item : items) json->String(item);
  json->EndArray();
}

}  // namespace

double UnixSeconds(int64_t ns) {
  const int64_t ms = ns / 1'000'000;
  return static_cast<double>(ms) / 1e3;
}

void WriteWorkloadName(const WorkloadName& name, JsonWriter* json) {
  json->Field("workload", name.ToString())
      .Field("cluster", name.cluster)
      .Field("namespace", name.ns)
      .Field("kind", name.kind)
      .Field("name", name.name);
}

void WriteProcessInfo(const ProcessInfo& info, JsonWriter* json) {
  json->Field("key", info.key);
  WriteWorkloadName(info.workload, json);
  json->Field("agent_id", info.agent_id)
      .Field("node", info.node)
      .Field("pod", info.pod)
      .Field("container", info.container)
      .Field("pid", info.pid)
      .Field("parent_pid", info.parent_pid)
      .Field("boot_id", info.boot_id)
      .Field("start_ticks", static_cast<int64_t>(info.start_ticks))
      .Field("exec_seq", static_cast<int64_t>(info.exec_seq))
      .Field("region", info.region)
      .Field("zone", info.zone)
      .Field("version", info.version)
      .Field("image_digest", info.image_digest)
      .Field("owner", info.owner)
      .Field("command", info.command)
      .Field("cgroup", info.cgroup)
      .Field("python", info.python_version)
      .Field("python_refusal", info.python_refusal)
      .Field("start_unix_s", UnixSeconds(info.start_unix_ns))
      .Field("first_seen_unix_s", UnixSeconds(info.first_seen_ns))
      .Field("last_seen_unix_s", UnixSeconds(info.last_seen_ns))
      .Field("exited", info.exited);
}

void WriteWorkloadRow(const WorkloadRow& row, JsonWriter* json) {
  WriteWorkloadName(row.name, json);
  WriteList("regions", row.regions, json);
  WriteList("versions", row.versions, json);
  json->Field("processes", row.processes).Field("rss_bytes", row.rss_bytes);
  WriteOptional("anon_bytes_per_s", row.anon_bytes_per_s, json);
  json->Field("slope_processes", row.slope_processes)
      .Field("slope_method", "least squares, 10 min, no interval")
      .Field("no_limit", row.no_limit)
      .Field("verdict", ToString(row.verdict))
      .Field("verdict_why", row.verdict_why);
}

void WriteOptional(const char* key, const std::optional<double>& value,
                   JsonWriter* json) {
  json->Key(key);
  value ? json->Double(*value) : json->Null();
}

void WriteEstimate(const char* key, const std::optional<Estimate>& estimate,
                   JsonWriter* json) {
  json->Key(key);
  if (!estimate) {
    json->Null();
    return;
  }
  json->BeginObject()
      .Field("value", estimate->value)
      .Field("lo", estimate->lo)
      .Field("hi", estimate->hi)
      .EndObject();
}

void WriteIncidentRow(const Incident& incident, JsonWriter* json) {
  json->BeginObject()
      .Field("id", incident.id)
      .Field("workload", incident.workload.ToString())
      .Field("state", ToString(incident.state))
      .Field("tier", incident.page ? "page" : "ticket")
      .Field("cause", ToString(incident.cause))
      .Field("title", incident.text.title)
      .Field("owner", incident.owner)
      .Field("silenced", incident.silence.has_value())
      .Field("opened_unix_s", UnixSeconds(incident.opened_ns));
  json->Key("resolved_unix_s");
  incident.resolved_ns > 0 ? json->Double(UnixSeconds(incident.resolved_ns))
                           : json->Null();
  json->Field("resolve_reason", incident.resolve_reason);
  json->Key("oom_in_s");
  if (incident.time_to_limit) {
    json->BeginArray()
        .Double(incident.time_to_limit->lo_s)
        .Double(incident.time_to_limit->hi_s)
        .EndArray();
  } else {
    json->Null();
  }
  json->EndObject();
}

void WriteTraffic(const Incident& incident, JsonWriter* json) {
  const Traffic& traffic = incident.traffic;
  json->BeginObject()
      .Field("incident", incident.id)
      .Field("unexplained_share", traffic.unexplained_share)
      .Field("not_known", traffic.not_known);
  json->Key("causes").BeginArray();
  for (const TrafficCause& cause : traffic.causes) {
    json->BeginObject().Field("attributes", cause.attributes);
    WriteEstimate("bytes_per_request", cause.bytes_per_request, json);
    json->Field("share", cause.share).Field("vif", cause.vif);
    WriteOptional("requests_per_s", cause.requests_per_s, json);
    WriteList("inseparable_from", cause.inseparable_from, json);
    WriteList("all_have", cause.all_have, json);
    json->EndObject();
  }
  json->EndArray().Key("states").BeginArray();
  for (const StateCause& state : traffic.states) {
    json->BeginObject()
        .Field("gauge", state.gauge)
        .Field("attributes", state.attributes);
    WriteEstimate("bytes_per_unit", state.bytes_per_unit, json);
    json->Field("share", state.share)
        .Field("from", state.from)
        .Field("to", state.to)
        .Field("placebo_share", state.placebo_share);
    WriteList("inseparable_from", state.inseparable_from, json);
    json->EndObject();
  }
  json->EndArray().EndObject();
}

}  // namespace plimsoll::collector::http
