// One look that a command asked for, on its way through CommandRunner: shared
// by command_runner.cc (censuses and the window) and command_births.cc (what
// stays). Loop thread only.
#ifndef PLIMSOLL_AGENT_COMMAND_WINDOW_H_
#define PLIMSOLL_AGENT_COMMAND_WINDOW_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/command_runner.h"
#include "agent/core/command.h"
#include "agent/core/heap_census.h"
#include "agent/core/probe_port.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::agent {

struct CommandRunner::Window {
  core::Command command;
  bool frees_probed = false;
  core::HeapCensus before;
  core::HeapCensus after;  // empty: none was taken
  absl::Status window_refusal;
  bool ended = false;  // the command is answered
  size_t births_tried = 0;
  bool malloc_tried = false;
  // Births that were asked for and refused: profiles without rows, each with
  // its reason. They go with the evidence that there is.
  std::vector<core::StackProfile> refused;
  absl::Status births_refusal;     // of the last of them
  bool instead_of_births = false;  // the window is what was possible
  core::RawProfile raw;
  std::map<std::string, int64_t> losses;
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_COMMAND_WINDOW_H_
