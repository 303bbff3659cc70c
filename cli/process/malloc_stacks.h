// `plimsoll stacks PID --malloc`, from the opened target to the printed answer.
#ifndef PLIMSOLL_CLI_PROCESS_MALLOC_STACKS_H_
#define PLIMSOLL_CLI_PROCESS_MALLOC_STACKS_H_

#include "absl/status/status.h"
#include "agent/bpf/kernel_support.h"
#include "cli/options.h"
#include "cli/process/target.h"
#include "cli/session/progress.h"
#include "cli/session/session.h"

namespace plimsoll::cli {

absl::Status RunMallocStacks(const Options& options, Target& target,
                             const bpf::KernelSupport& kernel, Session& session,
                             Progress& progress);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_MALLOC_STACKS_H_
