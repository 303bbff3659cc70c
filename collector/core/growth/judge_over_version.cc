#include "collector/core/growth/judge_over_version.h"

#include <algorithm>
#include <string>
#include <utility>

#include "collector/core/growth/growth_over_version.h"
#include "collector/core/growth/judge_used.h"
#include "collector/core/growth/judged_life.h"
#include "collector/core/growth/onset_time.h"

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

OnsetTime TimeOf(const VersionOnset& onset,
                 const std::vector<WorkloadLife>& series) {
  std::vector<const WorkloadLife*> now, before;
  for (const WorkloadLife& life : series) {
    if (life.version == onset.version) {
      now.push_back(&life);
    } else if (!life.version.empty() && life.start_ns < onset.began_ns) {
      before.push_back(&life);
    }
  }
  return TimeOfOnset(std::move(now), before);
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

// The lives by one series; it is nothing where it is the memory itself.
struct BySeries {
  const std::vector<WorkloadLife>& series;
  const std::vector<WorkloadLife>* memory;

  JudgedLife LifeOf(const StandsBeside& one,
                    const JudgementThresholds& thresholds,
                    int64_t now_ns) const {
    return {series, one.at, *one.input, thresholds, now_ns, memory};
  }
};

OverVersion Ask(const WorkloadLives& lives, const BySeries& by,
                const std::vector<StandsBeside>& alive,
                const JudgementThresholds& thresholds, int64_t now_ns) {
  std::vector<VersionLife> compared;
  for (size_t i = 0; i < lives.known.size(); ++i) {
    VersionLife one;
    one.life = &by.series[i];
    one.counted = &lives.lives[i];
    one.alive = false;
    const ProcessInfo& info = lives.known[i].info;
    one.pod = info.pod.empty() ? info.agent_id : info.pod;
    compared.push_back(std::move(one));
  }
  for (const StandsBeside& one : alive) {
    compared[one.at].alive = true;
    if (lives.lives[one.at].blocks.empty()) continue;
    compared[one.at].left_bytes =
        by.LifeOf(one, thresholds, now_ns)
            .left(lives.lives[one.at].blocks.back().floor);
  }
  return AskVersionsBefore(compared, now_ns);
}

// Of those that are no page and no ticket yet; null of any other.
const StandsBeside* Silent(const std::vector<StandsBeside>& alive, size_t at) {
  const auto one =
      std::find_if(alive.begin(), alive.end(),
                   [at](const StandsBeside& s) { return s.at == at; });
  return one->judgement->page || one->judgement->ticket ? nullptr : &*one;
}

}  // namespace

std::optional<VersionOnset> JudgeOverVersion(
    const WorkloadLives& lives, const std::vector<StandsBeside>& alive,
    const JudgementThresholds& thresholds, int64_t now_ns) {
  if (alive.empty() || !HasVersions(lives)) return std::nullopt;
  const bool by_use = AllAreCovered(lives, alive);
  const BySeries by{by_use ? lives.used : lives.lives,
                    by_use ? &lives.lives : nullptr};
  const OverVersion over = Ask(lives, by, alive, thresholds, now_ns);
  for (const OverVersion::Growing& growing : over.growing) {
    const StandsBeside* one = Silent(alive, growing.at);
    if (one == nullptr) continue;
    *one->judgement =
        Ticket(by.LifeOf(*one, thresholds, now_ns), over, growing);
  }
  if (over.growing.empty()) return std::nullopt;
  VersionOnset onset = over.onset;
  DateOnset(TimeOf(onset, by.series), onset);
  return onset;
}

void JudgeTypeOverVersion(const WorkloadLives& lives, const TypeLives& type,
                          const std::vector<StandsBeside>& alive,
                          const JudgementThresholds& by_type, int64_t now_ns) {
  if (alive.empty() || !HasVersions(lives)) return;
  const BySeries by{type.lives, &lives.lives};
  const OverVersion over = Ask(lives, by, alive, by_type, now_ns);
  for (const OverVersion::Growing& growing : over.growing) {
    const StandsBeside* one = Silent(alive, growing.at);
    if (one == nullptr) continue;
    ProcessJudgement j =
        Ticket(by.LifeOf(*one, by_type, now_ns), over, growing);
    if (j.bytes_per_s.value * 3600 <
        by_type.ticket_floor_per_h * by.LifeOf(*one, by_type, now_ns).limit()) {
      continue;
    }
    j.page = j.by_used = false;
    j.by_type = type.type;
    *one->judgement = std::move(j);
  }
}

}  // namespace plimsoll::collector
