// Unwinds copied stacks of one process by the .eh_frame of the files that it
// has mapped, and names the frames. libdw (elfutils) reads ELF, CFI, symbols
// and line tables; files are opened as they are mapped, never by a path of the
// agent's own root, and nothing is fetched from a debuginfo server.
//
// A frame is reported only when unwind information covers its caller: libdw's
// guesses by frame pointer are cut off, so that a stack may be short but does
// not lie. Only the copy is read, never the live stack, which has moved on.
//
// What is read is made by the target: run it in the sandboxed child. libdw maps
// files; one that is cut short meanwhile raises SIGBUS, which the parent counts
// as a crash of the parser.
//
// One owner, one thread.
#ifndef PLIMSOLL_AGENT_NATIVE_UNWINDER_H_
#define PLIMSOLL_AGENT_NATIVE_UNWINDER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/native_stack.h"
#include "agent/core/ports.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::native {

inline constexpr size_t kMostNativeFrames = 96;
// Files of one process that are open at once; the sandbox allows 64 files.
inline constexpr size_t kMostModules = 40;

class Unwinder {
 public:
  using OpenFile =
      absl::AnyInvocable<absl::StatusOr<UniqueFd>(const core::Mapping&)>;

  // kInternal: libdw cannot start.
  static absl::StatusOr<Unwinder> Make(
      const std::vector<core::Mapping>& mappings, OpenFile open);
  Unwinder(Unwinder&&) noexcept;
  Unwinder& operator=(Unwinder&&) noexcept;
  ~Unwinder();

  core::NativeStack Unwind(const core::NativeSnapshot& snapshot);

 private:
  struct State;
  explicit Unwinder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::native

#endif  // PLIMSOLL_AGENT_NATIVE_UNWINDER_H_
