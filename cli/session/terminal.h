// What stands at the two ends of the command: the screen, and Ctrl-C.
#ifndef PLIMSOLL_CLI_SESSION_TERMINAL_H_
#define PLIMSOLL_CLI_SESSION_TERMINAL_H_

#include <string_view>

#include "cli/report/table.h"

namespace plimsoll::cli {

// Read once at start, from the file descriptors and the environment (COLUMNS,
// NO_COLOR, TERM).
struct Terminal {
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;
  bool colour = false;
  int width = 0;   // 0: not a terminal, no bound
  int height = 0;  // 0: not a terminal

  static Terminal Detect();
  Style style() const { return {.width = width, .colour = colour}; }
};

// Writes all of `text` to stdout. False when the reader has gone (EPIPE) or
// the disk is full: the caller ends quietly or with exit code 1.
bool WriteOut(std::string_view text);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_SESSION_TERMINAL_H_
