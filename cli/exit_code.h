// From an absl::Status to what a shell and its user get. The one place where
// errors are translated; the codes are settled in interfaces.md. Pure.
#ifndef PLIMSOLL_CLI_EXIT_CODE_H_
#define PLIMSOLL_CLI_EXIT_CODE_H_

#include <string>

#include "absl/status/status.h"

namespace plimsoll::cli {

enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kNotPermittedOrSupported = 3,
  kNoSuchProcess = 4,
  kNotReadablePython = 5,
};

// kInvalidArgument 2; kPermissionDenied, kFailedPrecondition 3; kNotFound 4;
// kUnimplemented 5; everything else 1.
ExitCode ExitCodeFor(const absl::Status& status);

// "plimsoll: <message>", then the remedy where the code has one that the
// message does not give already (root is told of other causes than not being
// root). Ends with a newline.
std::string ErrorText(const absl::Status& status, bool is_root);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_EXIT_CODE_H_
