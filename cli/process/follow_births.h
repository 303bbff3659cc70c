// The birth watch of one type, or of malloc, from its beginning to a named
// profile: which code makes what stays. Main thread only; blocks until
// `until_ns`.
#ifndef PLIMSOLL_CLI_PROCESS_FOLLOW_BIRTHS_H_
#define PLIMSOLL_CLI_PROCESS_FOLLOW_BIRTHS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/stack_profile.h"
#include "cli/process/target.h"
#include "cli/session/progress.h"
#include "cli/session/session.h"

namespace plimsoll::cli {

struct Followed {
  std::string type;
  uint64_t type_address = 0;  // 0: the growth of malloc, of no type
};

// It costs the target at most about `budget_ns`: hits are bounded, not
// predicted. kFailedPrecondition: no watchpoints here; kUnimplemented: births
// of such objects cannot be watched, or its malloc; kNotFound: the process
// ended.
absl::StatusOr<core::StackProfile> FollowBirths(
    Target& target, const bpf::KernelSupport& kernel, const Followed& followed,
    int64_t until_ns, double budget_ns, Session& session, Progress& progress);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_FOLLOW_BIRTHS_H_
