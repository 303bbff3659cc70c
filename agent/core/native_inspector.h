// What tier 5 asks of the sandboxed child (agent/inspector), which alone reads
// foreign ELF files and memory. Calls and callbacks on one thread. Failures: as
// of core::Inspector (ports.h).
#ifndef PLIMSOLL_AGENT_CORE_NATIVE_INSPECTOR_H_
#define PLIMSOLL_AGENT_CORE_NATIVE_INSPECTOR_H_

#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "agent/core/fresh_pages.h"
#include "agent/core/native_stack.h"
#include "agent/core/python_layout.h"

namespace plimsoll::core {

// Of one request: its message must stay under the wire's bound.
inline constexpr size_t kMostSnapshotsAtOnce = 256;

class NativeInspector {
 public:
  virtual ~NativeInspector() = default;

  using UnwindDone =
      absl::AnyInvocable<void(absl::StatusOr<std::vector<NativeStack>>)>;
  using PagesDone =
      absl::AnyInvocable<void(absl::StatusOr<std::vector<PageRange>>)>;

  // One NativeStack for each snapshot, at most kMostSnapshotsAtOnce of them.
  virtual void UnwindStacks(const PythonProcess& python,
                            std::vector<NativeSnapshot> snapshots,
                            UnwindDone done) = 0;
  // The pages of private anonymous memory that are in memory now, by address.
  virtual void ReadResidentPages(const PythonProcess& python,
                                 PagesDone done) = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_NATIVE_INSPECTOR_H_
