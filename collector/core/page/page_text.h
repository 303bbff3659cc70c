// The words of a page, from an incident's figures. Every line is measured or
// says "not known yet" and why. Pure: golden tests hold it.
#ifndef PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_TEXT_H_
#define PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_TEXT_H_

#include <string>
#include <vector>

#include "collector/core/incident/incident.h"
#include "collector/core/incident/incident_ports.h"
#include "collector/core/page/page_actions.h"

namespace plimsoll::collector {

PageText WritePage(const Incident& incident, const std::string& external_url);

// "routing/vehicles.py:118 load <- app.py:44 route": from the first frame of
// the application outwards; what lies inside it is named after it.
std::string FrameChain(const std::vector<Frame>& frames);

// Labels are the incident's identity: workload and cause. All else is in the
// annotations.
Notification NotificationOf(const Incident& incident, const PageLinks& links);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_TEXT_H_
