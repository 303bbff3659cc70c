// The progress line on stderr, for what takes over a second. On a terminal one
// line that is rewritten and erased at the end; elsewhere a plain line at most
// every ten seconds, so that a log shows that it is alive. Nothing when quiet.
// Main thread only.
#ifndef PLIMSOLL_CLI_SESSION_PROGRESS_H_
#define PLIMSOLL_CLI_SESSION_PROGRESS_H_

#include <cstdint>
#include <string>

#include "cli/session/terminal.h"

namespace plimsoll::cli {

class Progress {
 public:
  Progress(const Terminal& terminal, bool quiet)
      : terminal_(terminal), quiet_(quiet) {}
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows `text` once a second has passed since the first call.
  void Show(const std::string& text);
  // Takes the line away, before results are printed.
  void Clear();

 private:
  const Terminal& terminal_;
  const bool quiet_;
  int64_t first_ns_ = 0;
  int64_t shown_ns_ = 0;
  bool on_screen_ = false;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_SESSION_PROGRESS_H_
