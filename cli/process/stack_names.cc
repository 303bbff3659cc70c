#include "cli/process/stack_names.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {

absl::StatusOr<std::vector<core::Stack>> NameStacks(
    Target& target, const std::vector<core::RawStack>& stacks,
    FrameNames& known) {
  std::vector<core::RawFrame> wanted;
  absl::flat_hash_set<core::RawFrame> asked;
  for (const core::RawStack& stack : stacks) {
    for (const core::RawFrame& frame : stack.frames) {
      if (!known.contains(frame) && asked.insert(frame).second) {
        wanted.push_back(frame);
      }
    }
  }
  if (!wanted.empty()) {
    PLIMSOLL_ASSIGN_OR_RETURN(std::vector<core::Frame> named,
                              target.Symbolize(wanted));
    if (named.size() != wanted.size()) {
      return absl::InternalError(
          "the inspector named another number of frames");
    }
    for (size_t i = 0; i < wanted.size(); ++i) {
      known.insert_or_assign(wanted[i], std::move(named[i]));
    }
  }
  std::vector<core::Stack> out;
  for (const core::RawStack& raw : stacks) {
    core::Stack stack{.frames = {}, .truncated = raw.truncated};
    for (const core::RawFrame& frame : raw.frames) {
      stack.frames.push_back(known.at(frame));
    }
    out.push_back(std::move(stack));
  }
  return out;
}

}  // namespace plimsoll::cli
