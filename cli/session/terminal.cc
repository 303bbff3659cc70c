#include "cli/session/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"

namespace plimsoll::cli {
namespace {

constexpr int kFallbackWidth = 80;
constexpr int kFallbackHeight = 24;

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

Terminal Terminal::Detect() {
  Terminal terminal;
  terminal.stdout_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  terminal.stderr_is_terminal = ::isatty(STDERR_FILENO) == 1;
  const char* term = std::getenv("TERM");
  const bool dumb = term != nullptr && std::string_view(term) == "dumb";
  terminal.colour = terminal.stdout_is_terminal && !IsSet("NO_COLOR") && !dumb;
  if (terminal.stdout_is_terminal) {
    terminal.width = kFallbackWidth;
    terminal.height = kFallbackHeight;
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
      if (size.ws_col > 0) terminal.width = size.ws_col;
      if (size.ws_row > 0) terminal.height = size.ws_row;
    }
  }
  int columns = 0;
  if (IsSet("COLUMNS") && absl::SimpleAtoi(std::getenv("COLUMNS"), &columns) &&
      columns > 0) {
    terminal.width = columns;
  }
  return terminal;
}

bool WriteOut(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace plimsoll::cli
