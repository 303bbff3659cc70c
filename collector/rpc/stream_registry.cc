#include "collector/rpc/stream_registry.h"

#include <utility>

namespace plimsoll::collector::rpc {

std::shared_ptr<FleetStream> StreamRegistry::Put(
    const std::string& agent_id, std::shared_ptr<FleetStream> stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::swap(streams_[agent_id], stream);
  return stream;
}

void StreamRegistry::Remove(const std::string& agent_id,
                            const FleetStream* stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = streams_.find(agent_id);
  if (found != streams_.end() && found->second.get() == stream) {
    streams_.erase(found);
  }
}

std::shared_ptr<FleetStream> StreamRegistry::Find(
    const std::string& agent_id) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = streams_.find(agent_id);
  return found == streams_.end() ? nullptr : found->second;
}

std::vector<std::string> StreamRegistry::Agents() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> agents;
  for (const auto& [agent_id, stream] : streams_) agents.push_back(agent_id);
  return agents;
}

void Address(const CommandTarget& target, v1::Command* command) {
  command->set_id(target.command_id);
  v1::ProcessId* id = command->mutable_process();
  id->set_boot_id(target.process.boot_id);
  id->set_pid(target.process.pid);
  id->set_start_ticks(target.process.start_ticks);
  id->set_exec_seq(target.process.exec_seq);
}

}  // namespace plimsoll::collector::rpc
