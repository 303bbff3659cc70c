// What every verb is given beside its options. Main thread only.
#ifndef PLIMSOLL_CLI_SESSION_SESSION_H_
#define PLIMSOLL_CLI_SESSION_SESSION_H_

#include <string_view>

#include "absl/status/status.h"
#include "cli/session/interrupt.h"
#include "cli/session/terminal.h"

namespace plimsoll::cli {

struct Session {
  Terminal terminal;
  Interrupt interrupt;

  // Results go to stdout, and only they. kCancelled when the reader has closed
  // the pipe (no error: the program just ends), kUnavailable otherwise.
  absl::Status Print(std::string_view text) const;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_SESSION_SESSION_H_
