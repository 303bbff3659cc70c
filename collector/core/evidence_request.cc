#include "collector/core/evidence_request.h"

#include <string>
#include <vector>

namespace plimsoll::collector {
namespace {

constexpr size_t kMostTypes = 3;
// A type with less of the growth than this is not what leaks.
constexpr double kLeastShare = 0.1;

}  // namespace

absl::Status AskForEvidence(EvidenceRequester* requester, int64_t duration_ns,
                            int64_t now_ns, Incident& incident) {
  incident.evidence_requested_ns = now_ns;
  incident.evidence_problem.clear();
  if (requester == nullptr) {
    incident.evidence_problem =
        "the agent could not be asked: no agent takes commands";
    return absl::OkStatus();
  }
  std::vector<std::string> types;
  for (const GrowingType& t : incident.types) {
    if (types.size() < kMostTypes) types.push_back(t.type);
  }
  const AffectedProcess* worst = nullptr;
  const AffectedProcess* sibling = nullptr;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking && worst == nullptr) worst = &p;
    if (p.leaking || p.helper || worst == nullptr) continue;
    // Of another region, if there is one: what differs there is the clue.
    if (sibling == nullptr ||
        (sibling->region == worst->region && p.region != worst->region)) {
      sibling = &p;
    }
  }
  absl::Status first;
  if (worst != nullptr) {
    const absl::Status asked =
        requester->RequestWindow(worst->process, types, duration_ns);
    if (!asked.ok()) {
      incident.evidence_problem =
          "the agent could not be asked: " + std::string(asked.message());
    }
    first.Update(asked);
  }
  if (sibling != nullptr) {
    first.Update(
        requester->RequestWindow(sibling->process, types, duration_ns));
  }
  return first;
}

bool IsBesideTheLeak(const Incident& incident) {
  if (incident.stacks.empty() || incident.types.empty()) return false;
  const std::string& type = incident.stacks.front().type;
  if (type.empty() || type == incident.types.front().type) return false;
  for (const GrowingType& t : incident.types) {
    if (t.type == type) return t.share < kLeastShare;
  }
  return true;
}

}  // namespace plimsoll::collector
