// Reads what a process shows of who it is. Loop thread only.
#ifndef PLIMSOLL_AGENT_IDENTITY_SOURCE_H_
#define PLIMSOLL_AGENT_IDENTITY_SOURCE_H_

#include <cstdint>
#include <string>

#include "agent/procfs/proc_root.h"
#include "agent/procfs/workload_identity.h"
#include "agent/watched_process.h"

namespace plimsoll::agent {

// Also notes in `process`: its cgroup, parent, pid in its namespace and
// directory of counters, and why its environment is not known.
procfs::IdentitySource ReadIdentitySource(int32_t pid,
                                          const procfs::ProcRoot& proc,
                                          const std::string& docker_dir,
                                          WatchedProcess& process);

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_IDENTITY_SOURCE_H_
