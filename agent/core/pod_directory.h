// Who a container is part of, as the cluster knows it, and the port that
// answers it. A pod's workload, version and owner do not change while it lives.
#ifndef PLIMSOLL_AGENT_CORE_POD_DIRECTORY_H_
#define PLIMSOLL_AGENT_CORE_POD_DIRECTORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::core {

// What a pod's annotations ask of whoever collects metrics, as written there:
// prometheus.io/scrape, scheme, port and path. "" each where there is none.
struct PodScrape {
  bool asked = false;  // scrape is "true"
  std::string scheme;
  std::string port;
  std::string path;
  std::string pod_ip;  // status.podIP
};

// "" each where the cluster does not say.
struct PodIdentity {
  std::string ns;
  std::string pod;
  std::string container;      // its name in the pod, "" when only the pod is
                              // known
  std::string workload_kind;  // "Deployment", "CronJob", ..., "Pod" when bare
  std::string workload_name;
  std::string version;  // label app.kubernetes.io/version, else image tag
  std::string version_source;  // "label" or "image"
  std::string image_digest;    // sha256:...
  std::string owner;           // annotation plimsoll.io/owner, else label team
  PodScrape scrape{};
};

// Any thread may call it.
class PodDirectory {
 public:
  PodDirectory() = default;
  PodDirectory(const PodDirectory&) = delete;
  PodDirectory& operator=(const PodDirectory&) = delete;
  virtual ~PodDirectory() = default;

  // By the container's id, else by the pod's uid, both as in a cgroup's path.
  virtual std::optional<PodIdentity> Find(std::string_view container_id,
                                          std::string_view pod_uid) const = 0;
  // Labels topology.kubernetes.io/region and /zone of the node.
  virtual std::string region() const = 0;
  virtual std::string zone() const = 0;
  // Grows whenever an answer may have changed.
  virtual uint64_t generation() const = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_POD_DIRECTORY_H_
