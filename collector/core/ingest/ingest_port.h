// How batches get from the network into the store. collector/store implements
// BatchStore; collector/rpc calls it from its one ingest thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_INGEST_INGEST_PORT_H_
#define PLIMSOLL_COLLECTOR_CORE_INGEST_INGEST_PORT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/ingest/node_batch.h"

namespace plimsoll::collector {

// A batch as it came and as it was understood. `raw` is kept in the journal
// until its samples are in chunks, and decoded again after a crash.
struct IncomingBatch {
  std::string agent_id, spool_id;
  std::string raw;
  NodeBatch batch;
};

// Decodes the bytes of a journal row again.
using BatchDecoder =
    std::function<absl::StatusOr<NodeBatch>(std::string_view raw)>;

class BatchStore {
 public:
  virtual ~BatchStore() = default;
  // Notes who speaks; returns the seq wanted next: all below it is stored.
  // kPermissionDenied: a proven node speaks with the agent id of another one.
  virtual absl::StatusOr<uint64_t> OpenStream(const NodeHello& hello) = 0;
  // Stores all of them and their high-water marks in one transaction. On OK
  // everything is durable and may be acknowledged; a batch that was stored
  // before is counted DUPLICATE and changes nothing. On error (disk full)
  // nothing was stored and the same call may be tried again.
  virtual absl::Status Apply(const std::vector<IncomingBatch>& batches) = 0;
};

struct CommandTarget {
  uint64_t command_id = 0;
  std::string agent_id;
  ProcessIdentity process;
};

struct PendingCommand {
  CommandTarget target;
  std::string payload;
};

// Commands are numbered and their results kept by the store. One that has no
// answer after five minutes has failed.
class CommandLog {
 public:
  virtual ~CommandLog() = default;
  // `payload` is what it says, beside number and process. While an equal one
  // of that process has no answer, its number is given again.
  virtual absl::StatusOr<CommandTarget> NewCommand(
      ProcessKey process, const std::string& what,
      const std::string& payload) = 0;
  // Those of an agent that have no answer and may still get one, oldest first.
  virtual absl::StatusOr<std::vector<PendingCommand>> PendingCommands(
      const std::string& agent_id) const = 0;
  // The first answer counts. kPermissionDenied: another agent was asked.
  virtual absl::Status FinishCommand(const std::string& agent_id,
                                     uint64_t command_id,
                                     const std::string& outcome,
                                     const std::string& reason) = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INGEST_INGEST_PORT_H_
