// Pages of one process and one incident, and the runbook that pages link to.
#include <cmath>
#include <limits>
#include <utility>

#include "collector/core/text/format.h"
#include "collector/core/types/type_names.h"
#include "collector/http/api.h"
#include "collector/http/html.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::http {
namespace {

constexpr size_t kMaxStacks = 50;

std::string FrameText(const Frame& frame) {
  const std::string where = frame.line > 0
                                ? frame.file + ":" + std::to_string(frame.line)
                            : frame.native ? frame.module
                                           : frame.file;
  return frame.function.empty() || where.empty()
             ? frame.function + where
             : frame.function + "  " + where;
}

std::string HowMany(const StackEvidence& stack) {
  const std::string what = stack.kind == "page"     ? "page fault"
                           : stack.kind == "native" ? "malloc block"
                                                    : "object";
  if (stack.objects == 1) return "1 " + what;
  const std::string count =
      stack.objects < 10 ? std::to_string(stack.objects)
                         : FormatCount(static_cast<double>(stack.objects));
  return count + " " + what + "s";
}

void WriteStacks(const std::vector<StackEvidence>& stacks, Html* html) {
  html->Element("h2", "Code that makes it");
  if (stacks.empty()) html->Element("p", "No stacks were taken yet.");
  for (size_t i = 0; i < stacks.size() && i < kMaxStacks; ++i) {
    const StackEvidence& stack = stacks[i];
    if (!stack.refusal.empty()) {
      html->Element("p", stack.kind + ": " + stack.refusal);
      continue;
    }
    html->Raw("<div class=\"card\">");
    const std::string known_to(KnownTo(stack));
    html->Element("strong", !stack.type.empty()      ? stack.type
                            : stack.kind == "native" ? "native memory"
                                                     : "type not known");
    html->Text(" " + HowMany(stack) + ", " +
               FormatBytes(static_cast<double>(stack.bytes)));
    html->Raw("<br>").Element(
        "span class=\"soft\"",
        stack.kind + ": " + stack.note +
            (known_to.empty() ? ""
                              : "; native code, known to the " + known_to));
    std::string frames;
    for (const Frame& frame : stack.frames) frames += FrameText(frame) + "\n";
    html->Element("pre", frames).Raw("</div>");
  }
}

std::string Outcome(const std::string& outcome, const std::string& reason) {
  if (outcome.empty()) return "no answer yet";
  return reason.empty() ? outcome : outcome + ": " + reason;
}

void WriteFacts(const ProcessState& state, int64_t now_ns, Html* html) {
  const ProcessInfo& info = state.info;
  html->Raw("<div class=\"scroll\"><table class=\"facts\"><tbody>");
  html->Fact("Workload", WorkloadText(info.workload));
  html->Fact("Command", info.command);
  html->Fact("Node", info.node).Fact("Pod", info.pod);
  html->Fact("Container", info.container).Fact("Region", info.region);
  html->Fact("Version", info.version).Fact("Cgroup", info.cgroup);
  html->Fact("Python", info.python_refusal.empty()
                           ? info.python_version
                           : "cannot be read: " + info.python_refusal);
  html->Fact("Allocator", state.allocator);
  if (info.start_unix_ns > 0) {
    html->Fact("Started", UtcTime(info.start_unix_ns) + ", " +
                              Ago(now_ns, info.start_unix_ns));
  }
  std::string end = state.oom_killed ? ", killed by the kernel for memory"
                    : info.exited    ? ", has ended"
                                     : "";
  html->Fact("Last seen", UtcTime(info.last_seen_ns) + ", " +
                              Ago(now_ns, info.last_seen_ns) + end);
  if (state.typed_share) {
    html->Fact("Live blocks with a type", FormatShare(*state.typed_share));
  }
  html->TableEnd();
}

absl::Status WriteMemory(const ApiPorts& ports, ProcessKey key, int64_t now_ns,
                         Html* html) {
  constexpr int64_t kRecentNs = 600'000'000'000;
  const std::pair<const char*, const char*> rows[] = {
      {"Resident (RSS)", metric::kRss},
      {"Anonymous", metric::kAnon},
      {"Live Python objects", metric::kLiveBytes},
      {"Free in Python's allocator", metric::kFreeBytes},
      {"Cgroup, in use", metric::kCgroupCurrent},
      {"Cgroup, limit", metric::kCgroupLimit}};
  bool in_cgroup = false;
  html->Element("h2", "Memory");
  html->Raw("<div class=\"scroll\"><table class=\"facts\"><tbody>");
  for (const auto& [name, metric] : rows) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        const std::vector<Sample> samples,
        ports.reader->Read(key, {metric, ""}, now_ns - kRecentNs,
                           now_ns + kRecentNs));
    const bool is_limit = metric == std::string_view(metric::kCgroupLimit);
    if (metric == std::string_view(metric::kCgroupCurrent)) {
      in_cgroup = !samples.empty();
    }
    html->Fact(name, !samples.empty() ? FormatBytes(samples.back().value)
                     : is_limit && in_cgroup
                         ? "none is set"
                         : "not known in the last ten minutes");
  }
  html->TableEnd();
  return absl::OkStatus();
}

void WriteTiers(const std::vector<TierState>& tiers, Html* html) {
  html->Element("h2", "What can be seen of it");
  if (tiers.empty()) {
    html->Element("p", "Its agent has not told yet.");
    return;
  }
  html->TableBegin({"Tier", "State", "How", "Why not"});
  for (const TierState& tier : tiers) {
    html->Raw("<tr>").Cell(tier.tier).Cell(tier.ok ? "ok" : "no");
    html->Cell(tier.rung).Cell(tier.reason).Raw("</tr>");
  }
  html->TableEnd();
}

void WriteCommands(const std::vector<CommandState>& commands, int64_t now_ns,
                   Html* html) {
  if (commands.empty()) return;
  html->Element("h2", "Asked of its agent");
  html->TableBegin({"What", "Asked", "Came of it"});
  for (const CommandState& command : commands) {
    html->Raw("<tr>").Cell(command.what).Cell(Ago(now_ns, command.sent_ns));
    html->Cell(Outcome(command.outcome, command.reason)).Raw("</tr>");
  }
  html->TableEnd();
}

std::string SilenceWords(const Silence& silence) {
  std::string words = "until " + UtcTime(silence.ends_at_ns);
  if (!silence.created_by.empty()) words += " by " + silence.created_by;
  if (!silence.comment.empty()) words += ": " + silence.comment;
  return words;
}

void WriteWhen(const Incident& incident, int64_t now_ns, Html* html) {
  html->Raw("<div class=\"scroll\"><table class=\"facts\"><tbody>");
  html->Fact("State", std::string(ToString(incident.state)) +
                          (incident.page ? ", a page" : ", a ticket"));
  const auto when = [&](const char* name, int64_t time_ns) {
    if (time_ns == 0) return;
    html->Fact(name, UtcTime(time_ns) + ", " + Ago(now_ns, time_ns));
  };
  when("Suspected", incident.opened_ns);
  when("Fired", incident.fired_ns);
  if (incident.page) when("Raised from a ticket", incident.raised_ns);
  when("Resolved", incident.resolved_ns);
  html->Fact("Why resolved", incident.resolve_reason);
  html->Fact("Owner", incident.owner);
  if (incident.silence) {
    html->Fact("Silenced", SilenceWords(*incident.silence));
  }
  when("Text as of", incident.updated_ns);
  html->TableEnd();
}

void WriteTold(const Incident& incident, int64_t now_ns, Html* html) {
  html->Element("h2", "Who was told");
  if (incident.told.empty()) {
    html->Element("p", incident.state == IncidentState::kPending
                           ? "Nobody yet: it is a suspicion."
                           : "Nobody so far: no notifier has accepted it.");
    return;
  }
  html->TableBegin({"Target", "As", "When"});
  for (const Told& told : incident.told) {
    html->Raw("<tr>").Cell(told.target).Cell(told.status);
    html->Cell(UtcTime(told.at_ns) + ", " + Ago(now_ns, told.at_ns));
    html->Raw("</tr>");
  }
  html->TableEnd();
}

std::string Role(const AffectedProcess& process) {
  if (process.leaking) return "leaks";
  return process.helper ? "serves nothing: not counted" : "healthy";
}

void WriteAffected(const Incident& incident, Html* html) {
  html->Element("h2", "Processes");
  if (incident.processes.empty()) {
    html->Element("p", "None is known any more.");
    return;
  }
  html->TableBegin({"PID", "Pod or node", "Region", "Version", ">Growth",
                    ">In use", ">Limit", ">To the limit", "Role"});
  const auto bytes = [](const std::optional<double>& value) {
    return value ? FormatBytes(*value) : std::string("not known");
  };
  for (const AffectedProcess& process : incident.processes) {
    html->Raw("<tr><td>")
        .Link("/processes/" + std::to_string(process.process),
              std::to_string(process.pid));
    html->Raw("</td>").Cell(process.pod.empty() ? process.node : process.pod);
    html->Cell(process.region).Cell(process.version);
    html->Number(std::isfinite(process.bytes_per_s.lo)
                     ? FormatRate(process.bytes_per_s.value)
                     : "not known yet");
    html->Number(bytes(process.usage_bytes));
    html->Number(process.limit_of_node ? "none set"
                                       : bytes(process.limit_bytes));
    html->Number(process.time_to_limit
                     ? FormatTimeToLimit(*process.time_to_limit)
                 : process.leaking ? "not known"
                                   : "");
    html->Cell(Role(process)).Raw("</tr>");
  }
  html->TableEnd();
}

std::string PidOf(const Incident& incident, ProcessKey key) {
  for (const AffectedProcess& process : incident.processes) {
    if (process.process == key) return std::to_string(process.pid);
  }
  return "process " + std::to_string(key);
}

void WriteRequests(const Incident& incident, int64_t now_ns, Html* html) {
  if (incident.requests.empty()) return;
  html->Element("h2", "Evidence asked for");
  html->TableBegin({"PID", "What", "Asked", "Came of it"});
  for (const EvidenceRequest& request : incident.requests) {
    html->Raw("<tr><td>")
        .Link("/processes/" + std::to_string(request.process),
              PidOf(incident, request.process))
        .Raw("</td>");
    html->Cell(request.what).Cell(Ago(now_ns, request.sent_ns));
    html->Cell(Outcome(request.outcome, request.reason)).Raw("</tr>");
  }
  html->TableEnd();
}

}  // namespace

absl::StatusOr<std::string> ProcessPage(const ApiPorts& ports, ProcessKey key) {
  PLIMSOLL_ASSIGN_OR_RETURN(ProcessState state, ports.board->Process(key));
  const int64_t now_ns = ports.now_ns();
  const ProcessInfo& info = state.info;
  Html html(info.workload.name + ", pid " + std::to_string(info.pid), 0);
  html.Raw("<p>").Link("/", "Fleet").Text(" · ");
  html.Link("/api/v1/processes/" + std::to_string(key), "JSON").Raw("</p>");
  WriteFacts(state, now_ns, &html);
  PLIMSOLL_RETURN_IF_ERROR(WriteMemory(ports, key, now_ns, &html));
  WriteTiers(state.tiers, &html);
  PLIMSOLL_ASSIGN_OR_RETURN(
      std::vector<StackEvidence> stacks,
      ports.reader->Stacks(key, std::numeric_limits<int64_t>::min(),
                           std::numeric_limits<int64_t>::max()));
  WriteStacks(stacks, &html);
  WriteCommands(state.commands, now_ns, &html);
  html.Element("h2", "Newest of each tier");
  if (state.latest.empty()) html.Element("p", "Nothing has come yet.");
  for (const StoredDocument& document : state.latest) {
    html.Raw("<details><summary>")
        .Text(document.kind + ", " + Ago(now_ns, document.time_ns));
    html.Raw("</summary>").Element("pre", document.json).Raw("</details>");
  }
  return html.Take();
}

absl::StatusOr<std::string> IncidentPage(const ApiPorts& ports,
                                         const std::string& id) {
  PLIMSOLL_ASSIGN_OR_RETURN(Incident incident, FindIncident(ports, id));
  const int64_t now_ns = ports.now_ns();
  Html html(incident.text.title.empty() ? WorkloadText(incident.workload)
                                        : incident.text.title,
            0);
  html.Raw("<p>").Link("/", "Fleet").Text(" · ");
  html.Link("/runbook", "Runbook").Text(" · ");
  html.Link("/api/v1/incidents/" + id, "JSON").Raw("</p>");
  html.Element("pre", incident.text.ToString());
  WriteWhen(incident, now_ns, &html);
  WriteAffected(incident, &html);
  WriteStacks(incident.stacks, &html);
  if (!incident.follow_problem.empty()) {
    html.Element("p", incident.follow_problem);
  }
  WriteRequests(incident, now_ns, &html);
  WriteTold(incident, now_ns, &html);
  return html.Take();
}

}  // namespace plimsoll::collector::http
