// Whether a person started a process: a login session, or a management command
// beside a service. On a node that runs out of memory it is the first to ask.
// Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_BY_HAND_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_BY_HAND_H_

#include <string>

#include "collector/core/fleet.h"

namespace plimsoll::collector {

// "on a terminal", "from a login session (session-3)", "as manage.py in a pod
// of a Deployment, as by kubectl exec"; "" where nothing says so. systemd names
// the cgroups of sessions: user.slice/user-UID.slice/session-N.scope.
std::string StartedByHand(const ProcessInfo& process);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_BY_HAND_H_
