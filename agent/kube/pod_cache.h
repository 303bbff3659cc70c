// PodCache holds the pods of this node. What it holds stays valid while the API
// server is away: nothing is dropped but by an event or a new list. Any thread.
#ifndef PLIMSOLL_AGENT_KUBE_POD_CACHE_H_
#define PLIMSOLL_AGENT_KUBE_POD_CACHE_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/pod_directory.h"
#include "agent/kube/pod_record.h"

namespace plimsoll::kube {

class PodCache final : public core::PodDirectory {
 public:
  // All pods of the node, instead of what was known.
  void Replace(std::vector<PodRecord> pods);
  void Put(PodRecord pod);
  void Remove(std::string_view uid);
  void SetNode(std::string region, std::string zone);
  size_t size() const;

  std::optional<core::PodIdentity> Find(
      std::string_view container_id, std::string_view pod_uid) const override;
  std::string region() const override;
  std::string zone() const override;
  uint64_t generation() const override;

 private:
  void PutLocked(PodRecord pod);
  void RemoveLocked(std::string_view uid);

  mutable std::mutex mutex_;
  std::map<std::string, PodRecord, std::less<>> pods_;  // by uid
  // The uid of the pod that a container is in.
  std::map<std::string, std::string, std::less<>> containers_;
  std::string region_;
  std::string zone_;
  uint64_t generation_ = 0;
};

}  // namespace plimsoll::kube

#endif  // PLIMSOLL_AGENT_KUBE_POD_CACHE_H_
