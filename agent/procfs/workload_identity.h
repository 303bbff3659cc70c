// Which workload a process is part of, and which version in which region, from
// what the process shows of itself: OpenTelemetry or Datadog variables of its
// environment, else its pod, else its Compose or Swarm service, else its
// systemd unit, else what it runs. Pure; any thread.
#ifndef PLIMSOLL_AGENT_PROCFS_WORKLOAD_IDENTITY_H_
#define PLIMSOLL_AGENT_PROCFS_WORKLOAD_IDENTITY_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/process.h"
#include "agent/procfs/cgroup_text.h"
#include "agent/procfs/docker_container.h"

namespace plimsoll::procfs {

// The only variables that are ever read from a process' environment.
const std::vector<std::string_view>& IdentityVariables();

struct IdentitySource {
  std::map<std::string, std::string> environment;  // IdentityVariables() only
  CgroupNames cgroup;
  std::optional<DockerContainer> docker;  // of a container that no pod has
  std::string kubernetes_namespace;  // of its service account; "" if unknown
  std::vector<std::string> arguments;
  std::string comm;
  std::string cwd;
};

// Fills workload (but its cluster), region, zone, version, pod, container and
// command of `description`; leaves what is not known as it is, so that the
// node's defaults can be set before.
void Identify(const IdentitySource& source,
              core::ProcessDescription& description);

// Program and script for people: "python3 app.py", "gunicorn routing:app",
// "python3 -m http.server", "python3 manage.py migrate". Never an argument's
// value.
std::string CommandOf(const IdentitySource& source);

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_WORKLOAD_IDENTITY_H_
