#include "cli/exit_code.h"

#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

std::string_view RemedyFor(const absl::Status& status, bool is_root) {
  switch (status.code()) {
    case absl::StatusCode::kPermissionDenied:
      if (is_root) {
        return "even root may not: the process is in another user namespace, a "
               "security module protects it, or CAP_SYS_PTRACE was taken away";
      }
      return "run it as root, or give it CAP_SYS_PTRACE (to read memory) and "
             "CAP_BPF, CAP_PERFMON (for probes)";
    case absl::StatusCode::kNotFound:
      return "\"plimsoll ps\" lists the Python processes that run here";
    default:
      return "";
  }
}

}  // namespace

ExitCode ExitCodeFor(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kDone;
    case absl::StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
      return ExitCode::kNotPermittedOrSupported;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNoSuchProcess;
    case absl::StatusCode::kUnimplemented:
      return ExitCode::kNotReadablePython;
    default:
      return ExitCode::kFailed;
  }
}

std::string ErrorText(const absl::Status& status, bool is_root) {
  if (status.ok()) return "";
  const std::string message(status.message().data(), status.message().size());
  std::string text = absl::StrCat("plimsoll: ", Harmless(message), "\n");
  const std::string_view remedy = RemedyFor(status, is_root);
  const bool given = absl::StrContains(message, "run it as root") ||
                     absl::StrContains(message, "plimsoll-agent --check");
  if (!remedy.empty() && !given) {
    absl::StrAppend(&text, "  ", std::string(remedy), "\n");
  }
  return text;
}

}  // namespace plimsoll::cli
