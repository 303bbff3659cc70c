// Answers about one workload: itself, its types, stacks and attributes, and two
// sides of it compared.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "collector/core/diagnosis/comparison.h"
#include "collector/core/history/request_counts.h"
#include "collector/core/text/duration.h"
#include "collector/core/text/json_writer.h"
#include "collector/core/types/type_names.h"
#include "collector/core/types/type_table.h"
#include "collector/http/api.h"
#include "collector/http/api_parts.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::http {
namespace {

constexpr int64_t kMinuteNs = int64_t{60} * 1'000'000'000;
constexpr size_t kMostProcesses = 100;
constexpr size_t kMostStacks = 100;
constexpr size_t kMostAttributes = 500;

struct Asked {
  WorkloadName name;                   // cluster "*": of several
  std::set<WorkloadName> workloads;    // that are meant
  std::vector<ProcessInfo> processes;  // all that the store knows of them
  ProcessKey process = 0;              // when a process was asked for instead
};

std::string Parameter(const Request& request, const char* key) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? "" : found->second;
}

absl::StatusOr<int64_t> SpanOf(const Request& request, int64_t otherwise_ns) {
  const std::string text = Parameter(request, "for");
  if (text.empty()) return otherwise_ns;
  if (const auto span = ParseDurationNs(text)) return *span;
  return absl::InvalidArgumentError("for: \"" + text +
                                    "\" is not a duration such as 10m or 2h");
}

// By its whole name, or by its last part where that is one workload's; or,
// with `in_all_clusters`, one service's.
absl::StatusOr<Asked> FindWorkload(const ApiPorts& ports,
                                   const std::string& text,
                                   bool in_all_clusters = false) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<ProcessInfo> all,
                            ports.reader->Processes(0));
  std::set<WorkloadName> matches;
  for (const ProcessInfo& p : all) {
    if (p.workload.ToString() == text) {
      matches = {p.workload};
      break;
    }
    if (p.workload.name == text) matches.insert(p.workload);
  }
  if (matches.empty()) {
    return absl::NotFoundError("no workload \"" + text +
                               "\"; /api/v1/workloads lists them");
  }
  const bool one_service = std::all_of(
      matches.begin(), matches.end(),
      [&](const WorkloadName& m) { return SameService(m, *matches.begin()); });
  if (matches.size() > 1 && !(in_all_clusters && one_service)) {
    std::string which;
    for (const WorkloadName& name : matches) which += " " + name.ToString();
    return absl::InvalidArgumentError("\"" + text +
                                      "\" is one of several:" + which);
  }
  Asked asked;
  asked.name = *matches.begin();
  if (matches.size() > 1) asked.name.cluster = "*";
  asked.workloads = std::move(matches);
  for (ProcessInfo& p : all) {
    if (asked.workloads.contains(p.workload)) {
      asked.processes.push_back(std::move(p));
    }
  }
  // The newest first: what is cut off is what ended long ago.
  std::stable_sort(asked.processes.begin(), asked.processes.end(),
                   [](const ProcessInfo& a, const ProcessInfo& b) {
                     return a.last_seen_ns > b.last_seen_ns;
                   });
  return asked;
}

absl::StatusOr<Asked> FindAsked(const ApiPorts& ports, const Request& request) {
  const std::string key = Parameter(request, "process");
  const std::string workload = Parameter(request, "workload");
  if (key.empty() == workload.empty()) {
    return absl::InvalidArgumentError(
        "name one: workload=cluster/namespace/kind/name or process=KEY");
  }
  if (key.empty()) return FindWorkload(ports, workload);
  ProcessKey number = 0;
  const char* limit = key.data() + key.size();
  const auto [end, error] = std::from_chars(key.data(), limit, number);
  if (error != std::errc() || end != limit || number <= 0) {
    return absl::InvalidArgumentError("process: not a key: a number");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const ProcessState state,
                            ports.board->Process(number));
  return Asked{
      state.info.workload, {state.info.workload}, {state.info}, number};
}

std::vector<ProcessKey> Keys(const std::vector<ProcessInfo>& processes,
                             int64_t since_ns) {
  std::vector<ProcessKey> keys;
  for (const ProcessInfo& p : processes) {
    if (keys.size() >= kMostProcesses) break;
    if (p.last_seen_ns >= since_ns) keys.push_back(p.key);
  }
  return keys;
}

void Head(const Asked& asked, int64_t from_ns, int64_t to_ns,
          JsonWriter* json) {
  json->Field("workload", asked.name.ToString());
  json->Key("process");
  asked.process == 0 ? json->Null() : json->Int(asked.process);
  json->Field("from_unix_s", UnixSeconds(from_ns))
      .Field("to_unix_s", UnixSeconds(to_ns));
}

void WriteStack(ProcessKey process, const StackEvidence& stack,
                JsonWriter* json) {
  json->BeginObject()
      .Field("process", process)
      .Field("kind", stack.kind)
      .Field("type", stack.type)
      .Field("objects", stack.objects)
      .Field("bytes", stack.bytes)
      .Field("share", stack.share)
      .Field("samples", stack.samples)
      .Field("share_low", stack.share_low)
      .Field("share_high", stack.share_high)
      .Field("time_unix_s", UnixSeconds(stack.time_ns))
      .Field("window_s", static_cast<double>(stack.window_ns) / 1e9)
      .Field("net_counts_refused", stack.net_counts_refused)
      .Field("note", stack.note)
      .Field("known_to", KnownTo(stack));
  json->Key("frames").BeginArray();
  for (const Frame& frame : stack.frames) {
    json->BeginObject()
        .Field("function", frame.function)
        .Field("file", frame.file)
        .Field("line", frame.line)
        .Field("module", frame.module)
        .Field("native", frame.native)
        .EndObject();
  }
  json->EndArray().EndObject();
}

void WriteSide(const SideFigures& side, JsonWriter* json) {
  json->BeginObject()
      .Field("what", side.spec.text)
      .Field("from_unix_s", UnixSeconds(side.spec.from_ns))
      .Field("to_unix_s", UnixSeconds(side.spec.to_ns))
      .Field("processes", side.processes)
      .Field("processes_with_slope", side.with_slope)
      .Field("process_hours", side.process_hours);
  WriteOptional("anon_bytes", side.anon_bytes, json);
  WriteEstimate("bytes_per_s", side.bytes_per_s, json);
  WriteOptional("requests_per_s", side.requests_per_s, json);
  WriteEstimate("bytes_per_request", side.bytes_per_request, json);
  json->EndObject();
}

// The incident of the workload that is not over; its traffic is what the
// comparison is split by.
absl::StatusOr<std::optional<Incident>> OpenIncident(const ApiPorts& ports,
                                                     const WorkloadName& name) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<Incident> all, ports.incidents());
  for (Incident& i : all) {
    if (i.workload == name && i.state != IncidentState::kResolved) {
      return std::optional<Incident>(std::move(i));
    }
  }
  return std::optional<Incident>();
}

}  // namespace

absl::StatusOr<std::string> WorkloadJson(const ApiPorts& ports,
                                         const Request& request) {
  PLIMSOLL_ASSIGN_OR_RETURN(
      const Asked asked, FindWorkload(ports, Parameter(request, "workload")));
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<WorkloadRow> rows,
                            Workloads(ports));
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<Incident> incidents,
                            ports.incidents());
  WorkloadRow mine;
  mine.name = asked.name;  // none of its processes is alive
  for (const WorkloadRow& row : rows) {
    if (row.name == asked.name) mine = row;
  }
  JsonWriter json;
  json.BeginObject();
  WriteWorkloadRow(mine, &json);
  json.Key("members").BeginArray();
  size_t shown = 0;
  for (const ProcessInfo& info : asked.processes) {
    if (!IsAlive(info, ports.now_ns()) || ++shown > kMostProcesses) continue;
    json.BeginObject();
    WriteProcessInfo(info, &json);
    json.EndObject();
  }
  json.EndArray().Key("incidents").BeginArray();
  for (const Incident& incident : incidents) {
    if (incident.workload == asked.name) WriteIncidentRow(incident, &json);
  }
  return json.EndArray().EndObject().Take();
}

absl::StatusOr<std::string> TypesJson(const ApiPorts& ports,
                                      const Request& request) {
  PLIMSOLL_ASSIGN_OR_RETURN(const Asked asked, FindAsked(ports, request));
  PLIMSOLL_ASSIGN_OR_RETURN(const int64_t span,
                            SpanOf(request, 10 * kMinuteNs));
  const int64_t to = ports.now_ns() + 1, from = to - span;
  PLIMSOLL_ASSIGN_OR_RETURN(
      const TypeTable table,
      ReadTypeTable(*ports.reader, Keys(asked.processes, from), from, to));
  JsonWriter json;
  json.BeginObject();
  Head(asked, from, to, &json);
  json.Field("processes", table.processes).Field("span_s", table.span_s);
  json.Key("types").BeginArray();
  for (const TypeRow& row : table.rows) {
    json.BeginObject()
        .Field("type", row.type)
        .Field("objects", row.objects)
        .Field("bytes", row.bytes)
        .Field("objects_delta", row.objects_delta)
        .Field("bytes_delta", row.bytes_delta)
        .Field("processes", row.processes)
        .EndObject();
  }
  return json.EndArray().EndObject().Take();
}

absl::StatusOr<std::string> WorkloadStacksJson(const ApiPorts& ports,
                                               const Request& request) {
  PLIMSOLL_ASSIGN_OR_RETURN(const Asked asked, FindAsked(ports, request));
  PLIMSOLL_ASSIGN_OR_RETURN(const int64_t span,
                            SpanOf(request, 24 * 60 * kMinuteNs));
  const int64_t to = ports.now_ns() + 1, from = to - span;
  std::vector<std::pair<ProcessKey, StackEvidence>> found;
  for (const ProcessKey key : Keys(asked.processes, from)) {
    PLIMSOLL_ASSIGN_OR_RETURN(auto stacks, ports.reader->Stacks(key, from, to));
    for (StackEvidence& s : stacks) found.emplace_back(key, std::move(s));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) {
                     return a.second.time_ns > b.second.time_ns;
                   });
  if (found.size() > kMostStacks) found.resize(kMostStacks);
  JsonWriter json;
  json.BeginObject();
  Head(asked, from, to, &json);
  json.Key("stacks").BeginArray();
  for (const auto& [key, stack] : found) {
    if (stack.refusal.empty()) WriteStack(key, stack, &json);
  }
  json.EndArray().Key("refusals").BeginArray();
  for (const auto& [key, stack] : found) {
    if (stack.refusal.empty()) continue;
    json.BeginObject()
        .Field("process", key)
        .Field("kind", stack.kind)
        .Field("time_unix_s", UnixSeconds(stack.time_ns))
        .Field("reason", stack.refusal)
        .EndObject();
  }
  return json.EndArray().EndObject().Take();
}

absl::StatusOr<std::string> AttributesJson(const ApiPorts& ports,
                                           const Request& request) {
  PLIMSOLL_ASSIGN_OR_RETURN(const Asked asked, FindAsked(ports, request));
  PLIMSOLL_ASSIGN_OR_RETURN(const int64_t span,
                            SpanOf(request, 60 * kMinuteNs));
  const int64_t to = ports.now_ns() + 1, from = to - span;
  std::map<std::string, double> counts;
  double all = 0;
  for (const ProcessKey key : Keys(asked.processes, from)) {
    RequestSeries series;
    PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                              ports.reader->Series(key, metric::kRequests));
    for (const SeriesName& name : names) {
      PLIMSOLL_ASSIGN_OR_RETURN(auto samples,
                                ports.reader->Read(key, name, from, to));
      if (!samples.empty()) series[name.label] = std::move(samples);
    }
    const std::vector<int64_t> looks = LooksOf(series);
    for (const auto& [label, samples] : series) {
      const CountCurve curve(samples, looks);
      const double count = curve.At(to) - curve.At(from);
      counts[label] += count;
      all += count;
    }
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const auto incident,
                            OpenIncident(ports, asked.name));
  JsonWriter json;
  json.BeginObject();
  Head(asked, from, to, &json);
  json.Field("requests", all).Key("attributes").BeginArray();
  std::vector<std::pair<std::string, double>> sorted(counts.begin(),
                                                     counts.end());
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [](const auto& a, const auto& b) { return a.second > b.second; });
  if (sorted.size() > kMostAttributes) sorted.resize(kMostAttributes);
  for (const auto& [label, count] : sorted) {
    json.BeginObject()
        .Field("attributes", label)
        .Field("requests", count)
        .Field("requests_per_s", count * 1e9 / static_cast<double>(span))
        .Field("share", all > 0 ? count / all : 0)
        .EndObject();
  }
  json.EndArray();
  json.Key("leak");
  if (!incident) return json.Null().EndObject().Take();
  WriteTraffic(*incident, &json);
  return json.EndObject().Take();
}

absl::StatusOr<std::string> CompareJson(const ApiPorts& ports,
                                        const Request& request) {
  PLIMSOLL_ASSIGN_OR_RETURN(
      const Asked asked,
      FindWorkload(ports, Parameter(request, "workload"), true));
  PLIMSOLL_ASSIGN_OR_RETURN(const int64_t span,
                            SpanOf(request, 60 * kMinuteNs));
  const int64_t now = ports.now_ns();
  PLIMSOLL_ASSIGN_OR_RETURN(
      const SideSpec a,
      ParseSide(Parameter(request, "a"), asked.processes, span, now));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const SideSpec b,
      ParseSide(Parameter(request, "b"), asked.processes, span, now));
  std::string attributes = Parameter(request, "attributes");
  for (const WorkloadName& workload : asked.workloads) {
    if (!attributes.empty()) break;
    PLIMSOLL_ASSIGN_OR_RETURN(const auto incident,
                              OpenIncident(ports, workload));
    if (incident && !incident->traffic.causes.empty()) {
      attributes = incident->traffic.causes.front().attributes;
    }
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      const Comparison c,
      CompareSides(*ports.reader, asked.processes, a, b, attributes));
  JsonWriter json;
  json.BeginObject().Field("workload", asked.name.ToString());
  json.Field("words", c.words).Field("attributes", c.attributes);
  WriteSide(c.a, &json.Key("a"));
  WriteSide(c.b, &json.Key("b"));
  WriteEstimate("ratio", c.ratio, &json);
  WriteEstimate("ratio_per_request", c.ratio_per_request, &json);
  json.Key("types").BeginArray();
  for (const ComparedType& type : c.types) {
    json.BeginObject()
        .Field("type", type.type)
        .Field("a_objects_per_h", type.a_objects_per_h)
        .Field("b_objects_per_h", type.b_objects_per_h)
        .Field("a_bytes_per_h", type.a_bytes_per_h)
        .Field("b_bytes_per_h", type.b_bytes_per_h)
        .EndObject();
  }
  return json.EndArray().EndObject().Take();
}

}  // namespace plimsoll::collector::http
