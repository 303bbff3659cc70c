// Whether the process of a saved moment still runs, and is still the same
// program: by /proc, start time, boot and what exec draws anew. Main thread.
#ifndef PLIMSOLL_CLI_PROCESS_MARKED_PROCESS_H_
#define PLIMSOLL_CLI_PROCESS_MARKED_PROCESS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/procfs/proc_root.h"
#include "cli/report/mark_text.h"

namespace plimsoll::cli {

struct LiveProcess {
  MarkedProcess process;
  uint64_t start_code = 0;
  uint64_t start_stack = 0;
};

// kNotFound: no process has the pid (or it has ended and waits for its parent).
absl::StatusOr<LiveProcess> ReadLiveProcess(const procfs::ProcRoot& proc,
                                            int32_t pid);

// Of a mark's file: its boot_id has eight digits only.
bool IsSameProcess(const MarkedProcess& file, const MarkedProcess& live);

// kNotFound, with words for people, when `mark` is of another process under
// the same pid, or of another program in the same process.
absl::Status CheckStillTheSame(const Mark& mark, const LiveProcess& live);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_MARKED_PROCESS_H_
