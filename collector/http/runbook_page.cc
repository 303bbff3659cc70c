// The runbook that pages link to unless a team has its own: docs/runbook.md in
// short.
#include "collector/http/api.h"
#include "collector/http/html.h"

namespace plimsoll::collector::http {
namespace {

void List(std::initializer_list<const char*> items, Html* html) {
  html->Raw("<ol>");
  for (const char* item : items) html->Element("li", item);
  html->Raw("</ol>");
}

}  // namespace

std::string RunbookPage() {
  Html html("Runbook: a service leaks memory", 0);
  html.Raw("<p>").Link("/", "Fleet").Raw("</p>");
  html.Element("h2", "Operator: the next ten minutes");
  List({"The title says when the first process is killed. Under a quarter of "
        "an hour: go to the third step.",
        "\"where\" says which regions and versions: roll back what began with "
        "a version; shed the requests that \"traffic\" names.",
        "Take one process out of service and keep it, by the command of \"do "
        "now\": a restart destroys the evidence. kubectl label pod POD app- "
        "removes the label that its Service selects by; yours may be another.",
        "Restart the others when their time is nearly over, one at a time. "
        "They will leak again.",
        "\"no limit is set\": the node dies, not the process. Set one.",
        "\"ask who started pid ...\": a person did. Ask, then end it.",
        "Known and waited for: silence it in Alertmanager, by \"workload\". "
        "The other notifiers then keep quiet too."},
       &html);
  html.Element("h2", "Developer: find the line");
  List({"\"what\" is the type that explains most of the growth; \"made at\" "
        "the line that makes it, the innermost of your own code first; "
        "\"trust\" how much of the heap was seen.",
        "On the process that was kept: plimsoll types PID, plimsoll growth PID "
        "--for 60s, plimsoll stacks PID --for 60s, plimsoll gc PID.",
        "plimsoll compare version=A version=B --workload NAME: in all and per "
        "request.",
        "Look for a list, dict or cache without a bound at module or class "
        "level, a pool or callback that stays registered on the path that "
        "raises, an exception kept with its traceback.",
        "It is fixed when the incident says \"fixed in version V\" with the "
        "slope since."},
       &html);
  html.Element("h2", "Manager: afterwards");
  List({"Did the page leave time to act? The incident has the times.",
        "Which services have no memory limit, and which have no owner?",
        "What is not seen: /api/v1/coverage lists silent nodes, refused tiers, "
        "losses, notifiers that fail.",
        "Exercise it: plimsoll drill, on a node, makes a harmless leak and a "
        "real page within six minutes."},
       &html);
  return html.Take();
}

}  // namespace plimsoll::collector::http
