#include "cli/session/session.h"

#include <cerrno>

namespace plimsoll::cli {

absl::Status Session::Print(std::string_view text) const {
  if (WriteOut(text)) return absl::OkStatus();
  if (errno == EPIPE) return absl::CancelledError("the reader has gone");
  return absl::UnavailableError(
      absl::ErrnoToStatus(errno, "write standard output").message());
}

}  // namespace plimsoll::cli
