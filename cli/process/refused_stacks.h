// `plimsoll stacks` of a Python that is refused by name: where it takes fresh
// memory, by native stacks (core/native_growth.h). Main thread only.
#ifndef PLIMSOLL_CLI_PROCESS_REFUSED_STACKS_H_
#define PLIMSOLL_CLI_PROCESS_REFUSED_STACKS_H_

#include "absl/status/status.h"
#include "agent/bpf/kernel_support.h"
#include "cli/options.h"
#include "cli/process/target.h"
#include "cli/session/progress.h"
#include "cli/session/session.h"

namespace plimsoll::cli {

// kUnimplemented with the target's refusal where its page faults cannot be
// sampled either, or where types or malloc are asked for.
absl::Status RunRefusedStacks(const Options& options, Target& target,
                              const bpf::KernelSupport& kernel,
                              Session& session, Progress& progress);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_REFUSED_STACKS_H_
