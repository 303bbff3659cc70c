// The streams that said Hello, by agent, and how a command is addressed to one.
// Private to collector/rpc. Any thread.
#ifndef PLIMSOLL_COLLECTOR_RPC_STREAM_REGISTRY_H_
#define PLIMSOLL_COLLECTOR_RPC_STREAM_REGISTRY_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "collector/core/ingest/ingest_port.h"
#include "plimsoll/v1/command.pb.h"

namespace plimsoll::collector::rpc {

class FleetStream;

// Says which command this is and of which process.
void Address(const CommandTarget& target, v1::Command* command);

class StreamRegistry {
 public:
  // Returns the stream that was there before.
  std::shared_ptr<FleetStream> Put(const std::string& agent_id,
                                   std::shared_ptr<FleetStream> stream);
  void Remove(const std::string& agent_id, const FleetStream* stream);
  std::shared_ptr<FleetStream> Find(const std::string& agent_id) const;
  std::vector<std::string> Agents() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<FleetStream>> streams_;
};

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_STREAM_REGISTRY_H_
