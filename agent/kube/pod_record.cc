#include "agent/kube/pod_record.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/kube/json_field.h"

namespace plimsoll::kube {
namespace {

using nlohmann::json;

constexpr size_t kMaxContainers = 256;
constexpr size_t kMaxNameBytes = 256;

// What leaves the node as a name: printable and bounded. Annotations are free
// text.
std::string Clean(std::string text) {
  text.resize(std::min(text.size(), kMaxNameBytes));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
  }
  return text;
}

// "-<hash>" or "-<number>" of `name`, cut off.
bool CutSuffix(std::string_view suffix, std::string& name) {
  if (suffix.empty() || name.size() <= suffix.size() + 1) return false;
  if (!name.ends_with(suffix)) return false;
  if (name[name.size() - suffix.size() - 1] != '-') return false;
  name.resize(name.size() - suffix.size() - 1);
  return true;
}

// The minute, since 1970, that the CronJob controller appends to the names of
// its Jobs (Kubernetes, pkg/controller/cronjob/utils.go, getTimeHashInMinutes);
// nullopt when the name does not end so.
std::optional<int64_t> ScheduledMinute(std::string_view job) {
  const size_t dash = job.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  const std::string_view digits = job.substr(dash + 1);
  int64_t minute = 0;
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), minute);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      digits.size() != 8) {
    return std::nullopt;
  }
  return minute;
}

// "2026-11-21T10:15:00Z" in minutes since 1970.
std::optional<int64_t> MinuteOf(const std::string& time) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0;
  const char* text = time.c_str();
  if (time.size() < 16) return std::nullopt;
  auto number = [&](size_t at, size_t digits, int& out) {
    auto [end, error] = std::from_chars(text + at, text + at + digits, out);
    return error == std::errc() && end == text + at + digits;
  };
  if (!number(0, 4, year) || !number(5, 2, month) || !number(8, 2, day) ||
      !number(11, 2, hour) || !number(14, 2, minute) || month < 1 ||
      month > 12) {
    return std::nullopt;
  }
  // Days from civil (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t yoe = y - era * 400;
  const int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  const int64_t days = era * 146097 + doe - 719468;
  return (days * 24 + hour) * 60 + minute;
}

constexpr int64_t kMinutesPerDay = 24 * 60;

// A Job of a CronJob is named NAME-MINUTE, and its pod is made within days of
// that minute; a Job that somebody named so by chance is not.
bool IsOfCronJob(const std::string& job, const std::string& created) {
  const auto scheduled = ScheduledMinute(job);
  const auto made = MinuteOf(created);
  return scheduled && made && *made >= *scheduled - 1 &&
         *made <= *scheduled + 7 * kMinutesPerDay;
}

struct Controller {
  std::string kind;
  std::string name;
};

Controller ControllerOf(const json& metadata) {
  const json& references = Member(metadata, "ownerReferences");
  if (!references.is_array()) return {};
  for (const json& reference : references) {
    const json& controls = Member(reference, "controller");
    if (controls.is_boolean() && controls.get<bool>()) {
      return {Text(reference, "kind"), Text(reference, "name")};
    }
  }
  return {};
}

// Which workload a pod belongs to, from its controller and labels alone: the
// ReplicaSets and Jobs between need not be read.
void SetWorkload(const json& metadata, const json& labels,
                 const std::string& node, core::PodIdentity& identity) {
  Controller controller = ControllerOf(metadata);
  std::string& kind = identity.workload_kind;
  std::string& name = identity.workload_name;
  kind = controller.kind;
  name = controller.name;
  if (kind == "ReplicaSet") {
    if (CutSuffix(Text(labels, "pod-template-hash"), name)) {
      kind = "Deployment";
    } else if (CutSuffix(Text(labels, "rollouts-pod-template-hash"), name)) {
      kind = "Rollout";
    }
  } else if (kind == "Job" &&
             IsOfCronJob(name, Text(metadata, "creationTimestamp"))) {
    kind = "CronJob";
    name.resize(name.rfind('-'));
  } else if (kind == "Node" || kind.empty()) {
    // A static pod's mirror is named NAME-NODE and owned by its node.
    const bool of_node = kind == "Node";
    kind = "Pod";
    name = identity.pod;
    if (of_node) CutSuffix(node, name);
  }
}

// "registry:5000/team/orders:1.4.2@sha256:..." -> "1.4.2"; "" without a tag: a
// runtime that lost the name of an image says "sha256:...".
std::string TagOf(std::string_view image) {
  if (image.starts_with("sha256:")) return "";
  image = image.substr(0, image.find('@'));
  const size_t slash = image.rfind('/');
  const std::string_view name =
      slash == std::string_view::npos ? image : image.substr(slash + 1);
  const size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? ""
                                         : std::string(name.substr(colon + 1));
}

// "registry/orders@sha256:..." or "sha256:..." -> "sha256:..."
std::string DigestOf(std::string_view image_id) {
  const size_t at = image_id.rfind("sha256:");
  return at == std::string_view::npos ? "" : std::string(image_id.substr(at));
}

void AddContainers(const json& statuses, std::vector<ContainerRecord>& out) {
  if (!statuses.is_array()) return;
  for (const json& status : statuses) {
    if (out.size() >= kMaxContainers) return;
    ContainerRecord container;
    std::string id = Text(status, "containerID");
    const size_t scheme = id.find("://");
    if (scheme != std::string::npos) id.erase(0, scheme + 3);
    if (id.empty()) continue;  // waiting for its first start
    container.id = std::move(id);
    container.name = Clean(Text(status, "name"));
    container.image_tag = Clean(TagOf(Text(status, "image")));
    container.image_digest = Clean(DigestOf(Text(status, "imageID")));
    out.push_back(std::move(container));
  }
}

// The tag as it is in the pod's spec: a runtime may report another name of the
// same image.
void UseTagsOfSpec(const json& specs, std::vector<ContainerRecord>& out) {
  if (!specs.is_array()) return;
  for (const json& spec : specs) {
    const std::string tag = Clean(TagOf(Text(spec, "image")));
    if (tag.empty()) continue;
    const std::string name = Clean(Text(spec, "name"));
    for (ContainerRecord& container : out) {
      if (container.name == name) container.image_tag = tag;
    }
  }
}

core::PodScrape ScrapeOf(const json& annotations, const json& status) {
  core::PodScrape scrape;
  scrape.asked = Text(annotations, "prometheus.io/scrape") == "true";
  scrape.scheme = Clean(Text(annotations, "prometheus.io/scheme"));
  scrape.port = Clean(Text(annotations, "prometheus.io/port"));
  scrape.path = Clean(Text(annotations, "prometheus.io/path"));
  scrape.pod_ip = Clean(Text(status, "podIP"));
  return scrape;
}

}  // namespace

std::optional<PodRecord> ParsePod(const json& pod) {
  const json& metadata = Member(pod, "metadata");
  const json& spec = Member(pod, "spec");
  const json& status = Member(pod, "status");
  const json& labels = Member(metadata, "labels");
  const json& annotations = Member(metadata, "annotations");
  PodRecord record;
  record.uid = Text(annotations, "kubernetes.io/config.hash");
  if (record.uid.empty()) record.uid = Text(metadata, "uid");
  core::PodIdentity& identity = record.identity;
  identity.ns = Clean(Text(metadata, "namespace"));
  identity.pod = Clean(Text(metadata, "name"));
  if (record.uid.empty() || identity.pod.empty()) return std::nullopt;
  SetWorkload(metadata, labels, Text(spec, "nodeName"), identity);
  identity.workload_kind = Clean(identity.workload_kind);
  identity.workload_name = Clean(identity.workload_name);
  identity.version = Clean(Text(labels, "app.kubernetes.io/version"));
  if (!identity.version.empty()) identity.version_source = "label";
  identity.owner = Clean(Text(annotations, "plimsoll.io/owner"));
  for (const char* label : {"plimsoll.io/owner", "owner", "team"}) {
    if (identity.owner.empty()) identity.owner = Clean(Text(labels, label));
  }
  identity.scrape = ScrapeOf(annotations, status);
  for (const char* list : {"containerStatuses", "initContainerStatuses",
                           "ephemeralContainerStatuses"}) {
    AddContainers(Member(status, list), record.containers);
  }
  for (const char* list :
       {"containers", "initContainers", "ephemeralContainers"}) {
    UseTagsOfSpec(Member(spec, list), record.containers);
  }
  return record;
}

core::PodIdentity IdentityIn(const PodRecord& pod,
                             const ContainerRecord* container) {
  core::PodIdentity identity = pod.identity;
  if (container == nullptr) return identity;
  identity.container = container->name;
  identity.image_digest = container->image_digest;
  if (identity.version.empty() && !container->image_tag.empty()) {
    identity.version = container->image_tag;
    identity.version_source = "image";
  }
  return identity;
}

}  // namespace plimsoll::kube
