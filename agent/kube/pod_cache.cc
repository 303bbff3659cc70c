#include "agent/kube/pod_cache.h"

#include <utility>

namespace plimsoll::kube {

void PodCache::Replace(std::vector<PodRecord> pods) {
  const std::lock_guard lock(mutex_);
  pods_.clear();
  containers_.clear();
  for (PodRecord& pod : pods) PutLocked(std::move(pod));
  ++generation_;
}

void PodCache::Put(PodRecord pod) {
  const std::lock_guard lock(mutex_);
  RemoveLocked(pod.uid);
  PutLocked(std::move(pod));
  ++generation_;
}

void PodCache::Remove(std::string_view uid) {
  const std::lock_guard lock(mutex_);
  RemoveLocked(uid);
  ++generation_;
}

void PodCache::SetNode(std::string region, std::string zone) {
  const std::lock_guard lock(mutex_);
  if (region == region_ && zone == zone_) return;
  region_ = std::move(region);
  zone_ = std::move(zone);
  ++generation_;
}

void PodCache::PutLocked(PodRecord pod) {
  for (const ContainerRecord& container : pod.containers) {
    containers_.insert_or_assign(container.id, pod.uid);
  }
  std::string uid = pod.uid;
  pods_.insert_or_assign(std::move(uid), std::move(pod));
}

void PodCache::RemoveLocked(std::string_view uid) {
  auto it = pods_.find(uid);
  if (it == pods_.end()) return;
  for (const ContainerRecord& container : it->second.containers) {
    auto known = containers_.find(container.id);
    if (known != containers_.end() && known->second == uid) {
      containers_.erase(known);
    }
  }
  pods_.erase(it);
}

std::optional<core::PodIdentity> PodCache::Find(
    std::string_view container_id, std::string_view pod_uid) const {
  const std::lock_guard lock(mutex_);
  if (auto known = containers_.find(container_id); known != containers_.end()) {
    pod_uid = known->second;
  }
  auto it = pods_.find(pod_uid);
  if (it == pods_.end()) return std::nullopt;
  for (const ContainerRecord& container : it->second.containers) {
    if (container.id == container_id) {
      return IdentityIn(it->second, &container);
    }
  }
  return IdentityIn(it->second, nullptr);
}

size_t PodCache::size() const {
  const std::lock_guard lock(mutex_);
  return pods_.size();
}

std::string PodCache::region() const {
  const std::lock_guard lock(mutex_);
  return region_;
}

std::string PodCache::zone() const {
  const std::lock_guard lock(mutex_);
  return zone_;
}

uint64_t PodCache::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

}  // namespace plimsoll::kube
