// Tier 5 in the child: unwinding over the files that a target has mapped, and
// the pages that it has in memory. The caller checks before and after that the
// process is the one that was meant. One thread.
#ifndef PLIMSOLL_AGENT_INSPECTOR_NATIVE_INSPECTION_H_
#define PLIMSOLL_AGENT_INSPECTOR_NATIVE_INSPECTION_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/fresh_pages.h"
#include "agent/core/native_stack.h"
#include "agent/core/python_layout.h"

namespace plimsoll::inspector {

absl::StatusOr<std::vector<core::NativeStack>> UnwindStacks(
    std::string_view proc_root, const core::PythonProcess& python,
    const std::vector<core::NativeSnapshot>& snapshots);

// kResourceExhausted: in too many pieces to be told.
absl::StatusOr<std::vector<core::PageRange>> ResidentAnonymousPages(
    std::string_view proc_root, int32_t pid);

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_NATIVE_INSPECTION_H_
