// What Docker keeps of a container on the node's disk, of which it is known by
// its labels which Compose project or Swarm service it is:
// /var/lib/docker/containers/ID/config.v2.json (moby, container/container.go;
// labels: https://docs.docker.com/reference/compose-file/services/#labels).
// The agent reads it as root and needs no Docker socket. Any thread.
#ifndef PLIMSOLL_AGENT_PROCFS_DOCKER_CONTAINER_H_
#define PLIMSOLL_AGENT_PROCFS_DOCKER_CONTAINER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace plimsoll::procfs {

// "" each where Docker does not say. Printable and bounded.
struct DockerContainer {
  std::string kind;     // "compose", "swarm", "image" when only that is known
  std::string ns;       // the project, the stack
  std::string name;     // the service, else the image without its tag
  std::string version;  // label org.opencontainers.image.version, else the tag
  std::string image_digest;
  std::string owner;  // label plimsoll.io/owner, owner or team
};

// kInvalidArgument: not such a file.
absl::StatusOr<DockerContainer> ParseDockerContainer(std::string_view text);

// kNotFound: Docker has no such container, or keeps nothing at `directory`
// ("/var/lib/docker"). `id` must be 64 hexadecimal digits.
absl::StatusOr<DockerContainer> ReadDockerContainer(
    const std::string& directory, std::string_view id);

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_DOCKER_CONTAINER_H_
