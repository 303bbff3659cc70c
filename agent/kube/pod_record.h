// What is kept of one pod, and its parser: the JSON object of the Kubernetes
// API (core/v1 Pod), whose fields are documented at
// https://kubernetes.io/docs/reference/kubernetes-api/. Pure; any thread. The
// text comes from the network: what is missing or of another kind is left out.
#ifndef PLIMSOLL_AGENT_KUBE_POD_RECORD_H_
#define PLIMSOLL_AGENT_KUBE_POD_RECORD_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/pod_directory.h"

namespace plimsoll::kube {

struct ContainerRecord {
  std::string id;  // without its "containerd://"
  std::string name;
  std::string image_tag;
  std::string image_digest;
};

struct PodRecord {
  // As in the cgroup's path: metadata.uid, or the hash of the file that a
  // static pod was made from.
  std::string uid;
  core::PodIdentity identity;  // but what the container adds
  std::vector<ContainerRecord> containers;
};

// nullopt: not a pod with a uid and a name.
std::optional<PodRecord> ParsePod(const nlohmann::json& pod);

// The pod's identity as seen from one of its containers; null: from none.
core::PodIdentity IdentityIn(const PodRecord& pod,
                             const ContainerRecord* container);

}  // namespace plimsoll::kube

#endif  // PLIMSOLL_AGENT_KUBE_POD_RECORD_H_
