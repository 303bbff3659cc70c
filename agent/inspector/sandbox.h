// What the child gives up before it reads the first foreign byte: memory past a
// limit, writing files, new privileges, new programs, and every system call
// that reading memory and files does not need. A call outside the list kills
// the child (SIGSYS), which its parent counts as a crash.
//
// Once per process, from its only thread, after everything that needs more.
#ifndef PLIMSOLL_AGENT_INSPECTOR_SANDBOX_H_
#define PLIMSOLL_AGENT_INSPECTOR_SANDBOX_H_

#include <cstdint>

#include "absl/status/status.h"

namespace plimsoll::inspector {

struct SandboxOptions {
  uint64_t memory_limit_bytes = 0;  // RLIMIT_AS; 0: none
  int32_t parent_pid = 0;           // die with it; 0: do not
};

absl::Status EnterSandbox(const SandboxOptions& options, int channel_fd);

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_SANDBOX_H_
