// The page at /: incidents, workloads, processes, nodes. No script.
#include <algorithm>
#include <map>

#include "collector/core/text/format.h"
#include "collector/http/api.h"
#include "collector/http/html.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::http {
namespace {

constexpr int kRefreshSeconds = 10;
constexpr size_t kMaxProcesses = 500;

void WriteIncidents(const std::vector<Incident>& incidents, int64_t now_ns,
                    Html* html) {
  html->Element("h2", "Incidents");
  if (incidents.empty()) {
    html->Element("p",
                  "None: no workload's memory is growing towards its limit.");
  }
  for (const Incident& incident : incidents) {
    bool firing = incident.state == IncidentState::kFiring;
    html->Raw(firing ? "<div class=\"card firing\">" : "<div class=\"card\">");
    std::string title = incident.text.title;
    if (title.empty()) title = WorkloadText(incident.workload) + ": looking";
    html->Link("/incidents/" + incident.id, title);
    html->Raw(" <span class=\"soft\">");
    html->Text(std::string(ToString(incident.state)) + ", " +
               (incident.page ? "page" : "ticket") +
               (incident.silence ? ", silenced" : "") + ", opened " +
               Ago(now_ns, incident.opened_ns));
    if (incident.resolved_ns > 0) {
      html->Text(", resolved " + Ago(now_ns, incident.resolved_ns) + ": " +
                 incident.resolve_reason);
    }
    html->Raw("</span>");
    if (firing) html->Element("pre", incident.text.ToString());
    html->Raw("</div>");
  }
}

void WriteWorkloads(const std::vector<WorkloadRow>& rows, Html* html) {
  html->Element("h2", "Workloads");
  if (rows.empty()) {
    html->Element("p",
                  "No process was seen in the last ten minutes. Agents connect "
                  "to port 7071; \"Nodes\" below shows which have.");
    return;
  }
  html->Element("p",
                "By growth of anonymous memory over the last ten minutes: a "
                "plain slope for orientation. The verdict is of the full "
                "judgement, each five minutes, or of the incident.");
  html->TableBegin({"Workload", "Regions", "Versions", ">Processes",
                    ">Without a limit", ">RSS", ">Growth", "Verdict"});
  for (const WorkloadRow& row : rows) {
    html->Raw("<tr>").Cell(WorkloadText(row.name));
    html->Cell(Join(row.regions, ", ")).Cell(Join(row.versions, ", "));
    html->Number(std::to_string(row.processes));
    html->Number(std::to_string(row.no_limit));
    html->Number(FormatBytes(row.rss_bytes));
    html->Number(row.anon_bytes_per_s ? FormatRate(*row.anon_bytes_per_s)
                                      : "not known yet");
    html->Cell(std::string(ToString(row.verdict)) +
               (row.verdict_why.empty() ? "" : " (" + row.verdict_why + ")"));
    html->Raw("</tr>");
  }
  html->TableEnd();
}

std::string TiersOk(const ProcessState& state) {
  std::string text;
  for (const TierState& tier : state.tiers) {
    if (!tier.ok) continue;
    if (!text.empty()) text += ", ";
    text += tier.tier;
    if (!tier.rung.empty()) text += " (" + tier.rung + ")";
  }
  return text;
}

void WriteTiersNot(const ProcessState& state, Html* html) {
  std::string names;
  for (const TierState& tier : state.tiers) {
    if (!tier.ok) names += (names.empty() ? "" : ", ") + tier.tier;
  }
  if (names.empty()) return;
  html->Raw("<details>").Element("summary", "not " + names);
  for (const TierState& tier : state.tiers) {
    if (!tier.ok) html->Element("div", tier.tier + ": " + tier.reason);
  }
  html->Raw("</details>");
}

void WriteProcess(const ProcessState& state, int64_t now_ns, Html* html) {
  const ProcessInfo& info = state.info;
  html->Raw("<tr><td>")
      .Link("/processes/" + std::to_string(info.key), std::to_string(info.pid));
  html->Raw("</td>").Cell(info.workload.name).Cell(info.command);
  html->Cell(info.pod.empty() ? info.node : info.pod).Cell(info.region);
  html->Cell(info.python_refusal.empty()
                 ? info.python_version
                 : "cannot be read: " + info.python_refusal);
  html->Number(state.typed_share ? FormatShare(*state.typed_share)
                                 : "no census");
  html->Raw("<td>").Element("span class=\"good\"", TiersOk(state));
  WriteTiersNot(state, html);
  html->Raw("</td>").Number(Ago(now_ns, info.last_seen_ns)).Raw("</tr>");
}

absl::Status WriteProcesses(const ApiPorts& ports, int64_t now_ns, Html* html) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<ProcessInfo> processes,
                            ports.reader->Processes(0));
  html->Element("h2", "Processes");
  const bool none = std::none_of(
      processes.begin(), processes.end(),
      [now_ns](const ProcessInfo& info) { return IsAlive(info, now_ns); });
  if (none) {
    html->Element("p", "None: no agent tells of one that is alive.");
    return absl::OkStatus();
  }
  html->TableBegin({"PID", "Workload", "Command", "Pod or node", "Region",
                    "Python", ">Typed", "Tiers", ">Seen"});
  size_t shown = 0, alive = 0;
  for (const ProcessInfo& info : processes) {
    if (!IsAlive(info, now_ns) || ++alive > kMaxProcesses) continue;
    auto state = ports.board->Process(info.key);
    if (!state.ok()) continue;  // forgotten meanwhile
    WriteProcess(*state, now_ns, html);
    ++shown;
  }
  html->TableEnd();
  if (alive > shown) {
    html->Element(
        "p", std::to_string(alive - shown) + " more are in /api/v1/processes.");
  }
  return absl::OkStatus();
}

void WriteNotifiers(const ApiPorts& ports, Html* html) {
  const std::vector<TargetStatus> targets = ports.notifiers();
  html->Element("h2", "Notifiers");
  if (targets.empty()) {
    html->Element("p",
                  "None: nobody is paged. Settings: alertmanagers, webhooks, "
                  "pagerduty_key_files, slack_url_files.");
    return;
  }
  html->TableBegin({"Target", ">Accepted", ">Failed", ">Waiting", "State"});
  for (const TargetStatus& target : targets) {
    html->Raw("<tr>").Cell(target.target);
    html->Number(std::to_string(target.sent));
    html->Number(std::to_string(target.failed));
    html->Number(std::to_string(target.waiting));
    const bool works = target.last_error.empty();
    html->Element(works ? "td class=\"good\"" : "td class=\"bad\"",
                  !works            ? target.last_error
                  : target.sent > 0 ? "works"
                                    : "nothing was to be said yet");
    html->Raw("</tr>");
  }
  html->TableEnd();
}

// Where silences and request counts are asked for.
void WriteSources(const ApiPorts& ports, Html* html) {
  for (const SilenceSourceStatus& source : ports.silence_sources()) {
    html->Element("p", "Silences of " + source.url + ": " +
                           (source.last_error.empty()
                                ? std::to_string(source.silences) + " active"
                                : "cannot be read: " + source.last_error) +
                           (source.unreadable > 0
                                ? ", " + std::to_string(source.unreadable) +
                                      " not understood"
                                : "") +
                           ".");
  }
  for (const RequestSourceStatus& source : ports.request_sources()) {
    html->Element("p",
                  "Requests from " + source.source + ": " +
                      (source.last_error.empty()
                           ? std::to_string(source.series) + " counts, for " +
                                 std::to_string(source.processes) + " processes"
                           : "cannot be read: " + source.last_error) +
                      ".");
  }
}

void WriteAgents(const std::vector<AgentState>& agents,
                 const std::vector<std::string>& connected, int64_t now_ns,
                 Html* html) {
  html->TableBegin({"Node", "Agent", "Kernel", "Probes by", ">Processes",
                    "Stream", ">Heard", "Losses"});
  for (const AgentState& agent : agents) {
    bool is_connected = std::find(connected.begin(), connected.end(),
                                  agent.agent_id) != connected.end();
    html->Raw("<tr>").Cell(agent.node_name).Cell(agent.agent_version);
    html->Cell(agent.kernel_release).Cell(agent.attach_rung);
    html->Number(std::to_string(agent.processes));
    html->Element(is_connected ? "td class=\"good\"" : "td class=\"bad\"",
                  is_connected ? "connected" : "not connected");
    html->Number(agent.last_seen_ns > 0 ? Ago(now_ns, agent.last_seen_ns)
                                        : "never");
    std::string losses;
    for (const ReasonCount& loss : agent.losses) {
      if (!losses.empty()) losses += ", ";
      losses += loss.reason + " " + std::to_string(loss.count);
    }
    html->Cell(losses.empty() ? "none" : losses).Raw("</tr>");
  }
  html->TableEnd();
}

absl::Status WriteNodes(const ApiPorts& ports, int64_t now_ns, Html* html) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<AgentState> agents,
                            ports.board->Agents());
  html->Element("h2", "Nodes");
  if (agents.empty()) {
    html->Element("p",
                  "No agent has connected to this collector so far: they "
                  "connect to its port 7071.");
  } else {
    WriteAgents(agents, ports.connected_agents(), now_ns, html);
  }
  std::string own;
  for (int reason = 1; reason < PLIMSOLL_DROP_REASON_COUNT; ++reason) {
    int64_t count =
        ports.losses->Total(static_cast<plimsoll_drop_reason>(reason));
    if (count == 0) continue;
    own += (own.empty() ? "" : ", ") + std::string(DropReasonLabel(reason)) +
           " " + std::to_string(count);
  }
  html->Element("p", "Lost or refused by the collector since its start: " +
                         (own.empty() ? "nothing" : own) + ".");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> FleetPage(const ApiPorts& ports) {
  int64_t now_ns = ports.now_ns();
  Html html("Plimsoll", kRefreshSeconds);
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<Incident> incidents, ports.incidents());
  WriteIncidents(incidents, now_ns, &html);
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<WorkloadRow> rows, Workloads(ports));
  WriteWorkloads(rows, &html);
  PLIMSOLL_RETURN_IF_ERROR(WriteProcesses(ports, now_ns, &html));
  PLIMSOLL_RETURN_IF_ERROR(WriteNodes(ports, now_ns, &html));
  WriteNotifiers(ports, &html);
  WriteSources(ports, &html);
  html.Raw("<p>").Link("/runbook", "Runbook").Text(" · ");
  html.Link("/api/v1/openapi.json", "API").Text(" · ");
  html.Link("/metrics", "metrics").Text(" · collector " + ports.version);
  return html.Raw("</p>").Take();
}

}  // namespace plimsoll::collector::http
