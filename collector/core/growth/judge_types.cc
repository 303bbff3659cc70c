#include "collector/core/growth/judge_types.h"

#include <algorithm>

namespace plimsoll::collector {
namespace {

// A census comes at least each twenty minutes.
constexpr int64_t kLateNs = 1800'000'000'000;

bool IsSeen(const WorkloadLife& by_type, const WorkloadLife& anon) {
  return !by_type.blocks.empty() && !anon.blocks.empty() &&
         by_type.blocks.back().time_ns >= anon.blocks.back().time_ns - kLateNs;
}

}  // namespace

JudgementThresholds OfOneType(const JudgementThresholds& thresholds) {
  JudgementThresholds t = thresholds;
  t.ticket_floor_per_h = thresholds.type_floor_per_h;
  return t;
}

JudgedByType JudgeLifeByTypes(const std::vector<TypeLives>& types,
                              const std::vector<WorkloadLife>& lives, size_t me,
                              const JudgementInput& input,
                              const JudgementThresholds& by_type,
                              int64_t now_ns) {
  JudgedByType out;
  for (const TypeLives& type : types) {
    if (!IsSeen(type.lives[me], lives[me])) continue;
    const JudgedLife c{type.lives, me, input, by_type, now_ns, &lives};
    ProcessJudgement j = JudgeSeries(c, Depth::kToClaim);
    out.zs.push_back(j.z);
    if (!j.page && !j.ticket) continue;
    if (out.type != nullptr &&
        j.bytes_per_s.value <= out.judgement.bytes_per_s.value) {
      continue;
    }
    j.page = j.all_but_sure = false;
    j.grows = j.ticket = true;
    j.by_type = type.type;
    out.type = &type;
    out.judgement = std::move(j);
  }
  return out;
}

void AddWhatItOwns(const MeasuredGrowth& memory, MeasuredGrowth& type) {
  Estimate& rate = type.bytes_per_s;
  rate.hi = std::max(rate.hi, memory.bytes_per_s.hi);
  rate.value = std::max(rate.value, memory.bytes_per_s.value);
}

}  // namespace plimsoll::collector
