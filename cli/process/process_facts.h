// What /proc says of who a process is, for people. Any thread.
#ifndef PLIMSOLL_CLI_PROCESS_PROCESS_FACTS_H_
#define PLIMSOLL_CLI_PROCESS_PROCESS_FACTS_H_

#include <cstdint>

#include "agent/core/process.h"
#include "agent/core/python_layout.h"
#include "agent/procfs/proc_root.h"

namespace plimsoll::cli {

// Workload, command, cgroup; what may not be read stays empty.
core::ProcessDescription DescribeProcess(const procfs::ProcRoot& proc,
                                         int32_t pid);

// "3.11.2".
std::string VersionText(const core::PythonVersion& version);

// Wall time of the process' start: now less its age on the boot clock, since
// the boot time that /proc/stat gives is whole seconds and moves.
double StartUnixSeconds(uint64_t start_ticks);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_PROCESS_FACTS_H_
