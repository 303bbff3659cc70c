#include "collector/core/growth/judge_over_version.h"

#include <algorithm>
#include <string>
#include <utility>

#include "collector/core/growth/growth_over_version.h"
#include "collector/core/growth/judge_used.h"
#include "collector/core/growth/judged_life.h"

namespace plimsoll::collector {
namespace {

constexpr double kConfirm_s = 300;
// A life that is younger says nothing yet, of either series.
constexpr size_t kFewestBlocks = 4;

bool HasVersions(const WorkloadLives& lives) {
  return std::any_of(lives.lives.begin(), lives.lives.end(),
                     [&](const WorkloadLife& life) {
                       return life.version != lives.lives.front().version;
                     });
}

// Of all that are alive the censuses say what is in use.
bool AllAreCovered(const WorkloadLives& lives,
                   const std::vector<StandsBeside>& alive) {
  return std::all_of(alive.begin(), alive.end(), [&](const StandsBeside& one) {
    return lives.lives[one.at].blocks.size() < kFewestBlocks ||
           IsCovered(lives.used[one.at], lives.lives[one.at]);
  });
}

ProcessJudgement Ticket(const JudgedLife& c, const OverVersion& over,
                        const OverVersion::Growing& growing) {
  ProcessJudgement j;
  j.grows = j.ticket = true;
  j.bytes_per_s = growing.bytes_per_s;
  j.z = growing.z;
  j.window_s = over.window_s;
  j.confirm_s = kConfirm_s;
  j.by_used = c.memory != nullptr;
  j.time_to_limit =
      c.TimeOf(growing.bytes_per_s, c.PeaksAboveFloors(over.window_s));
  // As of a window of one hour.
  j.page = j.time_to_limit && j.time_to_limit->hi_s < c.thresholds.page_1h_s &&
           growing.bytes_per_s.value * 3600 >=
               c.thresholds.page_floor_per_h * c.limit();
  return j;
}

}  // namespace

std::optional<VersionOnset> JudgeOverVersion(
    const WorkloadLives& lives, const std::vector<StandsBeside>& alive,
    const JudgementThresholds& thresholds, int64_t now_ns) {
  if (alive.empty() || !HasVersions(lives)) return std::nullopt;
  const bool by_use = AllAreCovered(lives, alive);
  const std::vector<WorkloadLife>& series = by_use ? lives.used : lives.lives;
  const auto judged_life = [&](const StandsBeside& one) {
    return JudgedLife{series,     one.at, *one.input,
                      thresholds, now_ns, by_use ? &lives.lives : nullptr};
  };
  std::vector<VersionLife> compared;
  std::vector<size_t> index_of(lives.known.size(), 0);
  for (size_t i = 0; i < lives.known.size(); ++i) {
    VersionLife one;
    one.life = &series[i];
    one.counted = &lives.lives[i];
    one.alive = false;
    const ProcessInfo& info = lives.known[i].info;
    one.pod = info.pod.empty() ? info.agent_id : info.pod;
    compared.push_back(std::move(one));
  }
  for (size_t k = 0; k < alive.size(); ++k) {
    const size_t at = alive[k].at;
    index_of[at] = k;
    compared[at].alive = true;
    if (lives.lives[at].blocks.empty()) continue;
    compared[at].left_bytes =
        judged_life(alive[k]).left(lives.lives[at].blocks.back().floor);
  }
  const OverVersion over = AskVersionsBefore(compared, now_ns);
  for (const OverVersion::Growing& growing : over.growing) {
    const StandsBeside& one = alive[index_of[growing.at]];
    if (one.judgement->page || one.judgement->ticket) continue;
    *one.judgement = Ticket(judged_life(one), over, growing);
  }
  if (over.growing.empty()) return std::nullopt;
  return over.onset;
}

}  // namespace plimsoll::collector
