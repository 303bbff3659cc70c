// A body for PagerDuty's Events API v2 (POST /v2/enqueue). Pure.
// Source of fields and bounds: developer.pagerduty.com, "Send an Alert Event":
// summary 1024 characters, dedup_key 255, the whole 512 KB; severity is one of
// critical, error, warning, info.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_PAGERDUTY_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_PAGERDUTY_H_

#include <string>

#include "collector/core/incident/incident_ports.h"

namespace plimsoll::collector::notify {

// A trigger, or a resolve with the same dedup_key, which is made from the
// incident's id: PagerDuty takes what is said twice for one.
std::string PagerDutyBody(const Notification& notification,
                          const std::string& routing_key);

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_PAGERDUTY_H_
