// A message for a Slack incoming webhook. Pure.
// Source of bounds: docs.slack.dev, Block Kit reference: header 150 characters,
// section text 3000, 50 blocks; and as all blocks together are refused from
// about 13,000 characters on (msg_blocks_too_long), 9,000 of them at most.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_SLACK_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_SLACK_H_

#include <string>

#include "collector/core/incident/incident_ports.h"

namespace plimsoll::collector::notify {

std::string SlackBody(const Notification& notification);

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_SLACK_H_
