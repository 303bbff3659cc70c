#include "collector/core/page/evidence_request.h"

#include <set>
#include <string>
#include <vector>

namespace plimsoll::collector {
namespace {

constexpr size_t kMostTypes = 3;
constexpr size_t kMostAsked = 3;  // of those that leak
// A type with less of the growth than this is not what leaks.
constexpr double kLeastShare = 0.1;

// The worst process of each of the worst instances; of as many nodes as there
// are, so that no node bears all the looks.
std::vector<const AffectedProcess*> WorstFew(const Incident& incident) {
  std::vector<const AffectedProcess*> few;
  std::set<std::string> instances, nodes;
  for (const bool on_any_node : {false, true}) {
    for (const AffectedProcess& p : incident.processes) {
      if (few.size() == kMostAsked) return few;
      if (!p.leaking || instances.contains(p.instance) ||
          (!on_any_node && nodes.contains(p.node))) {
        continue;
      }
      instances.insert(p.instance);
      nodes.insert(p.node);
      few.push_back(&p);
    }
  }
  return few;
}

// Of another region than the worst, if there is one: what differs there is the
// clue.
const AffectedProcess* HealthySibling(const Incident& incident,
                                      const AffectedProcess& worst) {
  const AffectedProcess* sibling = nullptr;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking || p.helper) continue;
    if (sibling == nullptr ||
        (sibling->region == worst.region && p.region != worst.region)) {
      sibling = &p;
    }
  }
  return sibling;
}

}  // namespace

absl::Status AskForEvidence(EvidenceRequester* requester, int64_t duration_ns,
                            int64_t now_ns, Incident& incident) {
  // Where native memory could not be followed a window may still say who works.
  const bool native =
      incident.cause == Verdict::kNative && incident.evidence_problem.empty();
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
  const std::vector<const AffectedProcess*> few = WorstFew(incident);
  if (few.empty()) return absl::OkStatus();
  const auto ask = [&](const AffectedProcess& p) {
    return native ? requester->RequestNative(p.process, duration_ns)
                  : requester->RequestWindow(p.process, types, duration_ns);
  };
  absl::Status first;
  bool any = false;
  for (const AffectedProcess* p : few) {
    const absl::Status asked = ask(*p);
    any = any || asked.ok();
    first.Update(asked);
  }
  if (!any) {
    incident.evidence_problem =
        "the agent could not be asked: " + std::string(first.message());
  }
  if (const AffectedProcess* sibling = HealthySibling(incident, *few.front())) {
    first.Update(ask(*sibling));
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
