// Pages of one process and one incident, and the runbook that pages link to.
#include <limits>

#include "collector/core/format.h"
#include "collector/http/api.h"
#include "collector/http/html.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::http {
namespace {

constexpr size_t kMaxStacks = 50;

std::string FrameText(const Frame& frame) {
  std::string text = frame.function;
  if (!frame.file.empty()) {
    text += "  " + frame.file + ":" + std::to_string(frame.line);
  }
  return text;
}

void WriteStacks(const std::vector<StackEvidence>& stacks, Html* html) {
  html->Element("h2", "Code that makes it");
  if (stacks.empty()) html->Element("p", "No stacks were taken yet.");
  for (size_t i = 0; i < stacks.size() && i < kMaxStacks; ++i) {
    const StackEvidence& stack = stacks[i];
    html->Raw("<div class=\"card\">");
    html->Element("strong", stack.type.empty() ? "type not known" : stack.type);
    html->Text(" " + FormatCount(static_cast<double>(stack.objects)) +
               " objects, " + FormatBytes(static_cast<double>(stack.bytes)));
    html->Raw("<br>").Element("span class=\"soft\"",
                              stack.kind + ": " + stack.note);
    std::string frames;
    for (const Frame& frame : stack.frames) frames += FrameText(frame) + "\n";
    html->Element("pre", frames).Raw("</div>");
  }
}

}  // namespace

absl::StatusOr<std::string> ProcessPage(const ApiPorts& ports, ProcessKey key) {
  PLIMSOLL_ASSIGN_OR_RETURN(ProcessState state, ports.board->Process(key));
  const ProcessInfo& info = state.info;
  Html html(info.workload.ToString() + " pid " + std::to_string(info.pid), 0);
  html.Raw("<p>").Link("/", "Fleet").Text(" · ");
  html.Link("/api/v1/processes/" + std::to_string(key), "JSON").Raw("</p>");
  html.TableBegin({"Tier", "State", "How", "Why not"});
  for (const TierState& tier : state.tiers) {
    html.Raw("<tr>").Cell(tier.tier).Cell(tier.ok ? "ok" : "no");
    html.Cell(tier.rung).Cell(tier.reason).Raw("</tr>");
  }
  html.TableEnd().Element("h2", "Newest of each tier");
  for (const StoredDocument& document : state.latest) {
    html.Raw("<details><summary>").Text(document.kind).Raw("</summary>");
    html.Element("pre", document.json).Raw("</details>");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      std::vector<StackEvidence> stacks,
      ports.reader->Stacks(key, std::numeric_limits<int64_t>::min(),
                           std::numeric_limits<int64_t>::max()));
  WriteStacks(stacks, &html);
  return html.Take();
}

absl::StatusOr<std::string> IncidentPage(const ApiPorts& ports,
                                         const std::string& id) {
  PLIMSOLL_ASSIGN_OR_RETURN(Incident incident, FindIncident(ports, id));
  Html html(incident.text.title.empty() ? incident.workload.ToString()
                                        : incident.text.title,
            0);
  html.Raw("<p>").Link("/", "Fleet").Text(" · ");
  html.Link("/api/v1/incidents/" + id, "JSON");
  html.Text(" · " + std::string(ToString(incident.state))).Raw("</p>");
  html.Element("pre", incident.text.ToString());
  html.Element("h2", "Processes");
  html.TableBegin({"PID", "Pod or node", "Region", "Version", ">Growth",
                   ">To the limit", "Leaking"});
  for (const AffectedProcess& process : incident.processes) {
    html.Raw("<tr><td>")
        .Link("/processes/" + std::to_string(process.process),
              std::to_string(process.pid));
    html.Raw("</td>").Cell(process.pod.empty() ? process.node : process.pod);
    html.Cell(process.region).Cell(process.version);
    html.Number(FormatRate(process.bytes_per_s.value));
    html.Number(process.time_to_limit
                    ? FormatTimeToLimit(*process.time_to_limit)
                    : "no limit known");
    html.Cell(process.leaking ? "yes" : "no: a sibling").Raw("</tr>");
  }
  html.TableEnd();
  WriteStacks(incident.stacks, &html);
  return html.Take();
}

std::string RunbookPage() {
  Html html("Runbook: a service leaks memory", 0);
  html.Raw("<ol>");
  for (const char* step :
       {"Read the page: \"what\" names the type, \"made at\" the line that "
        "makes it, \"traffic\" the requests that cause it, \"trust\" how much "
        "of the heap was seen.",
        "If the limit is less than an hour away, take the process out of "
        "service (\"do now\") instead of restarting it: the evidence dies "
        "with it.",
        "On its node: plimsoll types PID and plimsoll growth PID --for 60s "
        "show the same live; plimsoll stacks PID --for 60s the code.",
        "If it began with a version, roll back; if it follows one kind of "
        "request, shed that.",
        "The alert resolves by itself when the growth is gone; a restart "
        "alone starts it anew."}) {
    html.Element("li", step);
  }
  return html.Raw("</ol><p>").Link("/", "Fleet").Raw("</p>").Take();
}

}  // namespace plimsoll::collector::http
