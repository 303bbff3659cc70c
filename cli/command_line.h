// From argv to Options. The only file that knows CLI11.
#ifndef PLIMSOLL_CLI_COMMAND_LINE_H_
#define PLIMSOLL_CLI_COMMAND_LINE_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/options.h"
#include "cli/verbs/verb.h"

namespace plimsoll::cli {

struct CommandLine {
  const Verb* verb = nullptr;  // nullptr: only `help` is asked for
  Options options;
  std::string help;
};

// `arguments` without the program's name. kInvalidArgument with a sentence
// that names the nearest known verb for an unknown one. `default_url` is what
// --collector is when it is not given.
absl::StatusOr<CommandLine> ParseCommandLine(
    std::span<const Verb> verbs, const std::vector<std::string>& arguments,
    const std::string& default_url);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_COMMAND_LINE_H_
