// What the Kubernetes API says about pods, as values: a page of a list, a line
// of a watch, a node's labels. Protocol:
// https://kubernetes.io/docs/reference/using-api/api-concepts/. Pure; any
// thread. The text comes from the network: anything may be in it.
#ifndef PLIMSOLL_AGENT_KUBE_API_TEXT_H_
#define PLIMSOLL_AGENT_KUBE_API_TEXT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/kube/pod_record.h"

namespace plimsoll::kube {

struct PodPage {
  std::vector<PodRecord> pods;
  std::string resource_version;  // where a watch may go on
  std::string next;              // the token of the next page, "" for the last
};
// kInvalidArgument: not a PodList.
absl::StatusOr<PodPage> ParsePodPage(std::string_view text);

struct PodEvent {
  enum class Kind { kPut, kRemove, kBookmark };
  Kind kind = Kind::kBookmark;
  PodRecord pod;                 // of kRemove: its uid
  std::string resource_version;  // "" when the object did not say
};
// kOutOfRange: the watch is too old, list again (410 Gone). kUnavailable:
// another error of the server, in its words. kInvalidArgument: not an event.
absl::StatusOr<PodEvent> ParsePodEvent(std::string_view line);

struct NodeLabels {
  std::string region;
  std::string zone;
};
absl::StatusOr<NodeLabels> ParseNode(std::string_view text);

}  // namespace plimsoll::kube

#endif  // PLIMSOLL_AGENT_KUBE_API_TEXT_H_
