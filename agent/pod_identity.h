// Joins what a process shows of itself with what the cluster says of its pod.
// Any thread, for objects of its own.
#ifndef PLIMSOLL_AGENT_POD_IDENTITY_H_
#define PLIMSOLL_AGENT_POD_IDENTITY_H_

#include "agent/core/pod_directory.h"
#include "agent/core/process.h"
#include "agent/watched_process.h"

namespace plimsoll::agent {

// The cluster is believed in what it alone decides: namespace, pod, container,
// workload, image, owner, and the version that its label gives. An image tag is
// a version only where the process says none itself. True when it changed the
// description.
bool ApplyPod(const core::PodIdentity& pod,
              core::ProcessDescription& description);

// Asks for the process' pod until all of it is known, and for region and zone
// where neither the process nor the configuration says them. True when the
// description changed.
bool AskForPod(const core::PodDirectory& pods, WatchedProcess& process);

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_POD_IDENTITY_H_
