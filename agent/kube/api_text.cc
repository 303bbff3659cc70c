#include "agent/kube/api_text.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "agent/kube/json_field.h"

namespace plimsoll::kube {
namespace {

using nlohmann::json;

constexpr int kGone = 410;

absl::StatusOr<json> Parse(std::string_view text) {
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) {
    return absl::InvalidArgumentError("not a JSON object");
  }
  return value;
}

std::string VersionOf(const json& object) {
  return Text(Member(object, "metadata"), "resourceVersion");
}

absl::Status StatusOf(const json& status) {
  const json& code = Member(status, "code");
  std::string message = Text(status, "message");
  if (message.empty()) message = "an error without a message";
  if (code.is_number_integer() && code.get<int64_t>() == kGone) {
    return absl::OutOfRangeError(message);
  }
  return absl::UnavailableError(message);
}

}  // namespace

absl::StatusOr<PodPage> ParsePodPage(std::string_view text) {
  auto list = Parse(text);
  if (!list.ok()) return list.status();
  const json& items = Member(*list, "items");
  if (Text(*list, "kind") != "PodList" ||
      !(items.is_array() || items.is_null())) {
    return absl::InvalidArgumentError("not a PodList");
  }
  PodPage page;
  page.resource_version = VersionOf(*list);
  page.next = Text(Member(*list, "metadata"), "continue");
  for (const json& item : items) {
    if (auto pod = ParsePod(item)) page.pods.push_back(*std::move(pod));
  }
  return page;
}

absl::StatusOr<PodEvent> ParsePodEvent(std::string_view line) {
  auto event = Parse(line);
  if (!event.ok()) return event.status();
  const std::string type = Text(*event, "type");
  const json& object = Member(*event, "object");
  if (type == "ERROR") return StatusOf(object);
  PodEvent parsed;
  parsed.resource_version = VersionOf(object);
  if (type == "BOOKMARK") return parsed;
  auto pod = ParsePod(object);
  if (!pod) return absl::InvalidArgumentError("an event without a pod");
  if (type == "ADDED" || type == "MODIFIED") {
    parsed.kind = PodEvent::Kind::kPut;
  } else if (type == "DELETED") {
    parsed.kind = PodEvent::Kind::kRemove;
  } else {
    return absl::InvalidArgumentError("an event of an unknown type");
  }
  parsed.pod = *std::move(pod);
  return parsed;
}

absl::StatusOr<NodeLabels> ParseNode(std::string_view text) {
  auto node = Parse(text);
  if (!node.ok()) return node.status();
  const json& labels = Member(Member(*node, "metadata"), "labels");
  return NodeLabels{Text(labels, "topology.kubernetes.io/region"),
                    Text(labels, "topology.kubernetes.io/zone")};
}

}  // namespace plimsoll::kube
