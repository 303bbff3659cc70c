// What the collector (or the command line) asks of this node, as values. Each
// mirrors a message of plimsoll.v1.
#ifndef PLIMSOLL_AGENT_CORE_COMMAND_H_
#define PLIMSOLL_AGENT_CORE_COMMAND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/process.h"

namespace plimsoll::core {

enum class CommandKind : uint8_t {
  kUnknown = 0,  // of a newer collector: refused by name
  kTakeCensus,
  kOpenWindow,
  kWatchBirths,
  kWatchStores,
  kFindHolders,
  kSampleNative,
};

struct Command {
  uint64_t id = 0;
  CommandKind kind = CommandKind::kUnknown;
  std::string boot_id;
  ProcessId process;
  int64_t deadline_ns = 0;  // from receipt; 0: the agent's default
  int64_t duration_ns = 0;
  bool full_census = false;
  bool object_malloc = false;      // windows: PyObject_Malloc and _Free too
  std::vector<std::string> types;  // windows: empty for all
};

// The values equal plimsoll.v1.CommandResult.Outcome.
enum class CommandOutcome : uint8_t {
  kDone = 1,
  kRefused = 2,
  kFailed = 3,
  kProcessGone = 4,
};

struct CommandResult {
  uint64_t command_id = 0;
  CommandOutcome outcome = CommandOutcome::kFailed;
  std::string reason;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_COMMAND_H_
