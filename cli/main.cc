// plimsoll: the one command for people. Parses, runs one verb, and translates
// its outcome to an exit code.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/session/interrupt.h"
#include "cli/session/session.h"
#include "cli/session/terminal.h"
#include "cli/verbs/verb.h"

namespace plimsoll::cli {
namespace {

constexpr char kDefaultUrl[] = "http://127.0.0.1:7070";

absl::Status Run(const std::vector<std::string>& arguments) {
  const char* url = std::getenv("PLIMSOLL_URL");
  auto parsed = ParseCommandLine(AllVerbs(), arguments,
                                 url != nullptr && *url ? url : kDefaultUrl);
  if (!parsed.ok()) return parsed.status();
  auto interrupt = Interrupt::Make();
  if (!interrupt.ok()) return interrupt.status();
  Session session{Terminal::Detect(), *std::move(interrupt)};
  if (parsed->verb == nullptr) return session.Print(parsed->help);
  return parsed->verb->run(parsed->options, session);
}

}  // namespace
}  // namespace plimsoll::cli

int main(int argc, char** argv) {
  using plimsoll::cli::ExitCode;
  // A reader that ends early ("| head") is no error.
  std::signal(SIGPIPE, SIG_IGN);
  const absl::Status status =
      plimsoll::cli::Run(std::vector<std::string>(argv + 1, argv + argc));
  if (absl::IsCancelled(status)) return static_cast<int>(ExitCode::kDone);
  std::fputs(plimsoll::cli::ErrorText(status, ::geteuid() == 0).c_str(),
             stderr);
  return static_cast<int>(plimsoll::cli::ExitCodeFor(status));
}
