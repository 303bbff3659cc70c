// Whether a person started a process: from its terminal, and from where its
// ancestors leave the container. Holds no state; any thread.
#ifndef PLIMSOLL_AGENT_PROCFS_STARTED_BY_H_
#define PLIMSOLL_AGENT_PROCFS_STARTED_BY_H_

#include <cstdint>
#include <string>

#include "agent/procfs/proc_root.h"

namespace plimsoll::procfs {

// The kind of a workload that nothing but its command names:
// "terminal": it has one, outside of any container.
// "exec": somebody put it, or the shell that it comes from, into a container
// that ran already (docker exec, kubectl exec).
// "": nothing says so: a service, or a person whose session is over.
std::string StartedBy(const ProcRoot& proc, int32_t pid);

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_STARTED_BY_H_
