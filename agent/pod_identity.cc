#include "agent/pod_identity.h"

#include <optional>
#include <string>

namespace plimsoll::agent {
namespace {

bool SetIfKnown(const std::string& value, std::string& field) {
  if (value.empty() || value == field) return false;
  field = value;
  return true;
}

}  // namespace

bool ApplyPod(const core::PodIdentity& pod,
              core::ProcessDescription& description) {
  core::Workload& workload = description.workload;
  bool changed = SetIfKnown(pod.ns, workload.ns);
  changed |= SetIfKnown(pod.pod, description.pod);
  changed |= SetIfKnown(pod.container, description.container);
  changed |= SetIfKnown(pod.image_digest, description.image_digest);
  changed |= SetIfKnown(pod.owner, description.owner);
  if (!pod.workload_name.empty()) {
    changed |= SetIfKnown(pod.workload_kind, workload.kind);
    changed |= SetIfKnown(pod.workload_name, workload.name);
    changed |= SetIfKnown("kubernetes", workload.source);
  }
  if (pod.version_source == "label" || description.version.empty()) {
    changed |= SetIfKnown(pod.version, description.version);
  }
  return changed;
}

bool AskForPod(const core::PodDirectory& pods, WatchedProcess& process) {
  core::ProcessDescription& description = process.description;
  bool changed = false;
  if (description.region.empty()) {
    changed |= SetIfKnown(pods.region(), description.region);
  }
  if (description.zone.empty()) {
    changed |= SetIfKnown(pods.zone(), description.zone);
  }
  const procfs::CgroupNames& names = process.cgroup_names;
  if (process.pod_known ||
      (names.container_id.empty() && names.pod_uid.empty())) {
    return changed;
  }
  const std::optional<core::PodIdentity> pod =
      pods.Find(names.container_id, names.pod_uid);
  if (!pod) return changed;
  process.scrape = pod->scrape;
  // The containers of a pod that has just started are told some time later.
  process.pod_known = !pod->container.empty();
  return ApplyPod(*pod, description) || changed;
}

}  // namespace plimsoll::agent
