#include "agent/procfs/docker_container.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/procfs/read_file.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::procfs {
namespace {

using nlohmann::json;

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxNameBytes = 256;

// The member, or a null value.
const json& Member(const json& object, const char* key) {
  static const auto& null = *new json();
  if (!object.is_object()) return null;
  auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string Text(const json& object, const char* key) {
  const json& member = Member(object, key);
  if (!member.is_string()) return "";
  std::string text = member.get<std::string>().substr(0, kMaxNameBytes);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
  }
  return text;
}

// "registry:5000/team/orders:1.4.2@sha256:..." -> "orders", "1.4.2".
void UseImage(std::string image, DockerContainer& out) {
  if (image.rfind("sha256:", 0) == 0) return;  // it has lost its name
  image.resize(std::min(image.find('@'), image.size()));
  const size_t slash = image.rfind('/');
  if (slash != std::string::npos) image.erase(0, slash + 1);
  const size_t colon = image.find(':');
  if (out.version.empty() && colon != std::string::npos) {
    out.version = image.substr(colon + 1);
  }
  if (!out.name.empty()) return;
  out.kind = "image";
  out.name = image.substr(0, colon);
}

}  // namespace

absl::StatusOr<DockerContainer> ParseDockerContainer(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  const json& config = Member(document, "Config");
  if (!config.is_object()) {
    return absl::InvalidArgumentError(
        "Docker's config.v2.json: no object Config");
  }
  const json& labels = Member(config, "Labels");
  DockerContainer out;
  const struct {
    const char *kind, *ns, *name;
  } orders[] = {
      {"compose", "com.docker.compose.project", "com.docker.compose.service"},
      {"swarm", "com.docker.stack.namespace", "com.docker.swarm.service.name"}};
  for (const auto& order : orders) {
    if (!out.name.empty()) break;
    out.name = Text(labels, order.name);
    if (out.name.empty()) continue;
    out.kind = order.kind;
    out.ns = Text(labels, order.ns);
  }
  out.version = Text(labels, "org.opencontainers.image.version");
  for (const char* label : {"plimsoll.io/owner", "owner", "team"}) {
    if (out.owner.empty()) out.owner = Text(labels, label);
  }
  out.image_digest = Text(document, "Image");
  if (out.image_digest.rfind("sha256:", 0) != 0) out.image_digest.clear();
  UseImage(Text(config, "Image"), out);
  return out;
}

absl::StatusOr<DockerContainer> ReadDockerContainer(
    const std::string& directory, std::string_view id) {
  constexpr size_t kIdDigits = 64;
  const bool is_id =
      id.size() == kIdDigits && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      });
  if (!is_id) return absl::NotFoundError("not a Docker container's id");
  PLIMSOLL_ASSIGN_OR_RETURN(
      const std::string text,
      ReadFile(directory + "/containers/" + std::string(id) + "/config.v2.json",
               kMaxFileBytes));
  return ParseDockerContainer(text);
}

}  // namespace plimsoll::procfs
