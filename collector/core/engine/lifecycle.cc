#include "collector/core/engine/lifecycle.h"

#include <algorithm>

#include "collector/core/text/format.h"

namespace plimsoll::collector {
namespace {

// A suspicion that is not renewed for this long was none.
constexpr double kPendingQuiet_s = 90;
// A node that is not heard of for so long is gone with its processes.
constexpr double kLost_s = 3600;

double SecondsSince(int64_t then_ns, int64_t now_ns) {
  return static_cast<double>(now_ns - then_ns) / 1e9;
}

Decision DecidePending(const Incident& incident, const IncidentFacts& facts,
                       const IncidentThresholds& thresholds, int64_t now_ns) {
  if (facts.all_gone && !facts.oom_killed) {
    return {Step::kDrop, "the processes ended while they were looked at"};
  }
  if (SecondsSince(facts.last_growing_ns, now_ns) > kPendingQuiet_s) {
    return {Step::kDrop, "the growth ended before it was confirmed"};
  }
  // A process that the kernel killed while it was suspected is confirmation.
  if (!facts.confirmed && !facts.oom_killed) return {};
  const bool waited = SecondsSince(incident.evidence_requested_ns, now_ns) >=
                      thresholds.evidence_wait_s;
  if (facts.evidence_arrived || !facts.evidence_possible || waited) {
    return {Step::kFire, ""};
  }
  return {};
}

Decision DecideFiring(const Incident& incident, const IncidentFacts& facts,
                      const IncidentThresholds& thresholds, int64_t now_ns) {
  const bool judged = IsJudged(incident);
  const double gone_s = judged ? thresholds.judged_quiet_s : thresholds.gone_s;
  const double quiet_s =
      judged ? thresholds.judged_quiet_s : thresholds.quiet_s;
  if (facts.all_gone && SecondsSince(facts.last_growing_ns, now_ns) >= gone_s) {
    return {Step::kResolve,
            facts.oom_killed
                ? "the leaking processes are gone: killed by the kernel for "
                  "memory"
                : "the leaking processes are gone"};
  }
  if (facts.last_heard_ns == 0) {
    // None is alive that was seen to leak, and none was seen to end: after a
    // restart of ours, or a node that was lost.
    if (SecondsSince(facts.last_growing_ns, now_ns) < std::max(quiet_s, gone_s))
      return {};
    return {Step::kResolve,
            "the leaking processes have not been heard of since"};
  }
  // Only what is seen not to grow has stopped growing.
  const double quiet = SecondsSince(facts.last_growing_ns, facts.last_heard_ns);
  if (quiet >= quiet_s) {
    return {Step::kResolve,
            "no growth for " + FormatDuration(quiet) + ": the slope is gone"};
  }
  if (facts.silent_s >= kLost_s) {
    return {Step::kResolve,
            "not heard of for " + FormatDuration(facts.silent_s) +
                ": the node's agent is silent; whether it still leaks is not "
                "known"};
  }
  return {};
}

}  // namespace

Decision Decide(const Incident& incident, const IncidentFacts& facts,
                const IncidentThresholds& thresholds, int64_t now_ns) {
  switch (incident.state) {
    case IncidentState::kPending:
      return DecidePending(incident, facts, thresholds, now_ns);
    case IncidentState::kFiring:
      return DecideFiring(incident, facts, thresholds, now_ns);
    case IncidentState::kResolved:
      break;
  }
  return {};
}

}  // namespace plimsoll::collector
