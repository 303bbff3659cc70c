// Names for raw stacks, asked for once per frame. Main thread only.
#ifndef PLIMSOLL_CLI_PROCESS_STACK_NAMES_H_
#define PLIMSOLL_CLI_PROCESS_STACK_NAMES_H_

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "agent/core/stack_profile.h"
#include "cli/process/target.h"

namespace plimsoll::cli {

using FrameNames = absl::flat_hash_map<core::RawFrame, core::Frame>;

// One Stack for each RawStack, in order. What is new is added to `known`.
absl::StatusOr<std::vector<core::Stack>> NameStacks(
    Target& target, const std::vector<core::RawStack>& stacks,
    FrameNames& known);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_STACK_NAMES_H_
