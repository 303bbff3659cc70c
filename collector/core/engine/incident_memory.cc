#include "collector/core/engine/incident_memory.h"

#include <algorithm>
#include <set>

#include "collector/core/diagnosis/diagnosis.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kLongestTickNs = 60'000'000'000;

}  // namespace

int64_t IncidentMemory::FollowClock(int64_t now_ns) {
  const int64_t since_ns = last_tick_ns_ == 0 ? 0 : now_ns - last_tick_ns_;
  last_tick_ns_ = now_ns;
  since_last_tick_s_ = static_cast<double>(since_ns) / 1e9;
  if (since_ns >= 0 && since_ns <= kLongestTickNs) return 0;
  since_last_tick_s_ = 0;
  for (auto& [id, entry] : entries_) {
    entry.last_refresh_ns += since_ns;
    // Samples keep the clocks of their nodes; ours is what was set.
    entry.last_growing_ns = std::min(entry.last_growing_ns, now_ns);
  }
  return since_ns;
}

void IncidentMemory::Grew(const std::string& id, int64_t when_ns) {
  entries_[id].last_growing_ns = when_ns;
}

void IncidentMemory::Refreshed(const std::string& id, int64_t now_ns) {
  entries_[id].last_refresh_ns = now_ns;
}

int64_t IncidentMemory::last_refresh_ns(const std::string& id) const {
  const auto at = entries_.find(id);
  return at == entries_.end() ? 0 : at->second.last_refresh_ns;
}

IncidentFacts IncidentMemory::FactsOf(const Incident& incident,
                                      const std::vector<ProcessTrend>& trends,
                                      const Thresholds& thresholds) {
  IncidentFacts facts;
  Entry& entry = entries_[incident.id];
  std::set<ProcessKey> leaking, alive;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking) leaking.insert(p.process);
  }
  for (const ProcessTrend& t : trends) {
    if (t.finding.confirmed || t.judged) facts.confirmed = true;
    if (!t.exited) alive.insert(t.info.key);
    if (leaking.contains(t.info.key)) {
      facts.oom_killed = facts.oom_killed || t.oom_killed;
      if (!t.exited) {
        facts.last_heard_ns = std::max(facts.last_heard_ns, t.last_seen_ns);
      }
    }
    if (IsGrowing(t, thresholds)) {
      entry.last_growing_ns = std::max(entry.last_growing_ns, t.last_seen_ns);
    }
  }
  facts.last_growing_ns = entry.last_growing_ns;
  if (facts.last_heard_ns != entry.heard_ns) {
    entry.heard_ns = facts.last_heard_ns;
    entry.silent_s = 0;
  } else {
    entry.silent_s += since_last_tick_s_;
  }
  facts.silent_s = entry.silent_s;
  facts.all_gone =
      !trends.empty() && !leaking.empty() &&
      std::none_of(leaking.begin(), leaking.end(),
                   [&](ProcessKey key) { return alive.contains(key); });
  facts.evidence_arrived = !incident.stacks.empty();
  facts.evidence_possible =
      incident.evidence_requested_ns > 0 && incident.evidence_problem.empty();
  return facts;
}

}  // namespace plimsoll::collector
