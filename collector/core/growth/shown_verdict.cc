#include "collector/core/growth/shown_verdict.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

namespace plimsoll::collector {
namespace {

constexpr char kFollowsLoad[] = "it may follow the load";

// By the words of judgement.cc. What is not here is not known yet: growth that
// has to be seen for longer, or a history that is too short.
constexpr std::array<std::pair<std::string_view, Verdict>, 10> kByReason = {
    {{"no significant trend", Verdict::kNone},
     {"the slope's interval holds zero", Verdict::kNone},
     {"under the effect floor", Verdict::kNone},
     {"not past an earlier peak", Verdict::kNone},
     {"it came in one step", Verdict::kNone},
     {"flat in the last third", Verdict::kWarmUp},
     {"it bends down", Verdict::kWarmUp},
     {"older siblings stopped growing", Verdict::kWarmUp},
     {"young: it may be filling", Verdict::kWarmUp},
     {kFollowsLoad, Verdict::kLoad}}};

Verdict ByReason(const ProcessJudgement& j, std::string_view reason) {
  for (const auto& [why, verdict] : kByReason) {
    if (reason != why) continue;
    // Of what may not grow at all the shape says nothing.
    return j.bytes_per_s.lo > 0 ? verdict : Verdict::kNone;
  }
  return Verdict::kUnknown;
}

// The words that `ShownOf` goes by: the judgement's own where they say what it
// is, else those of its longest window, in which a fill or a turn is seen that
// an hour does not show, else the load's.
std::string ReasonOf(const ProcessJudgement& j) {
  const bool claims = j.page || j.ticket;
  if (claims || ByReason(j, j.why_not) != Verdict::kUnknown) return j.why_not;
  if (ByReason(j, j.long_shape) != Verdict::kUnknown) return j.long_shape;
  return j.may_follow_load ? kFollowsLoad : j.why_not;
}

}  // namespace

Verdict ShownOf(const ProcessJudgement& j) {
  return j.no_leak != Verdict::kUnknown ? j.no_leak : ByReason(j, ReasonOf(j));
}

ShownVerdict ShownOfAll(const std::vector<const ProcessJudgement*>& processes) {
  std::map<Verdict, size_t> count;
  std::map<Verdict, std::string> why;
  for (const ProcessJudgement* j : processes) {
    const Verdict verdict = ShownOf(*j);
    ++count[verdict];
    why.try_emplace(
        verdict, j->no_leak != Verdict::kUnknown ? j->why_not : ReasonOf(*j));
  }
  ShownVerdict shown;
  size_t most = 0;
  for (const auto& [verdict, n] : count) {
    if (verdict == Verdict::kNone || verdict == Verdict::kUnknown) continue;
    if (n > most) shown.verdict = verdict, most = n;
  }
  if (most == 0 && 2 * count[Verdict::kNone] >= processes.size() &&
      !processes.empty()) {
    shown.verdict = Verdict::kNone;
  }
  shown.why = why[shown.verdict];
  return shown;
}

std::map<WorkloadName, ShownVerdict> WithUnnamed(
    std::map<WorkloadName, ShownVerdict> shown,
    const std::map<WorkloadName, std::string>& unnamed) {
  for (const auto& [name, why] : unnamed) {
    ShownVerdict& verdict = shown[name];
    const bool open = verdict.verdict == Verdict::kUnknown ||
                      verdict.verdict == Verdict::kNone;
    if (!open) continue;
    verdict = {Verdict::kUnknown,
               "at this pace its limit is met within the hour, and what grows "
               "is not known: " +
                   why};
  }
  return shown;
}

}  // namespace plimsoll::collector
