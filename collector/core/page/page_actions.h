// What a page tells people to do: the command for now, the runbook, and what a
// slow leak will be at other traffic. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_ACTIONS_H_
#define PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_ACTIONS_H_

#include <string>

#include "collector/core/incident/incident.h"

namespace plimsoll::collector {

struct PageLinks {
  std::string external_url;  // of this collector, as people reach it
  std::string runbook_url;   // "": external_url/runbook; config.h
};

// One line: the worst process out of service and kept, in a pod or not, or
// whoever started it asked.
std::string DoNow(const Incident& incident, const std::string& evidence_url);

// "OOM after 1,200,000 more such requests: ... at ten times the traffic in
// 3.5 h"; "" where it is near anyhow, or requests do not cause it.
std::string LatentWords(const Incident& incident);

// Names are percent-encoded: those of workloads are foreign.
std::string RunbookUrl(const Incident& incident, const PageLinks& links);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_ACTIONS_H_
