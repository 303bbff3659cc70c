#include "collector/core/growth/judge_used.h"

#include <algorithm>
#include <optional>

#include "collector/core/stats/robust_slope.h"

namespace plimsoll::collector {
namespace {

// A census comes at least each ten minutes, but on a busy node: each twenty.
constexpr double kLeastBlocks = 0.25;  // of those of the memory
constexpr int64_t kLateNs = 1800'000'000'000;
constexpr double kLateShare = 0.2;  // of the time that it was seen
constexpr double kSame = 0.8;       // of two slopes
// Of the highest that was in use: memory that is not above it was needed.
constexpr double kNeeded = 0.95;

std::optional<double> SlopeOf(const JudgedLife& c, double span_s) {
  const Epoch points = c.Last(span_s).points;
  if (points.size() < 4) return std::nullopt;
  return TheilSen(std::span<const Epoch>(&points, 1));
}

// Memory that the bytes in use once reached is their high-water mark; what is
// above all that was ever in use is holes between what is.
Verdict KeptAs(const WorkloadLife& used, const WorkloadLife& anon) {
  double highest = 0;
  for (const MemoryBlock& b : used.blocks) highest = std::max(highest, b.peak);
  return highest >= kNeeded * anon.blocks.back().floor
             ? Verdict::kHighWater
             : Verdict::kFragmentation;
}

// Of growth that is none of the bytes in use: said, and a ticket only where it
// is about to meet the limit.
ProcessJudgement Kept(const JudgedLife& anon, const JudgedLife& used,
                      ProcessJudgement j) {
  const JudgementThresholds& t = anon.thresholds;
  j.no_leak = KeptAs(used.life(), anon.life());
  j.why_not = "the bytes in use do not grow with it: " +
              std::string(ToString(j.no_leak));
  const bool near = anon.life().blocks.back().floor >=
                    t.kept_from_share_of_limit * anon.limit();
  j.ticket = (j.ticket || j.page) && near;
  j.page = j.all_but_sure = false;
  j.grows = j.ticket;
  return j;
}

// Whether all of the growth is in use, and nothing else grows.
bool IsShared(const JudgedLife& by_use, const JudgedLife& by_memory,
              const ProcessJudgement& use) {
  const auto in_use = SlopeOf(by_use, use.window_s);
  const auto in_all = SlopeOf(by_memory, use.window_s);
  return in_use && in_all && *in_use > kSame * *in_all &&
         *in_all > kSame * *in_use;
}

bool Holds(const ProcessJudgement& j) { return j.page || j.ticket; }

}  // namespace

bool IsCovered(const WorkloadLife& used, const WorkloadLife& anon) {
  if (used.blocks.empty() || anon.blocks.empty()) return false;
  const int64_t first = anon.blocks.front().time_ns;
  const int64_t last = anon.blocks.back().time_ns;
  const auto late = std::max(
      kLateNs,
      static_cast<int64_t>(kLateShare * static_cast<double>(last - first)));
  return used.blocks.front().time_ns <= first + late &&
         used.blocks.back().time_ns >= last - kLateNs &&
         static_cast<double>(used.blocks.size()) >=
             kLeastBlocks * static_cast<double>(anon.blocks.size());
}

ProcessJudgement JudgeLifeByUse(const std::vector<WorkloadLife>& lives,
                                const std::vector<WorkloadLife>& used,
                                size_t me, const JudgementInput& input,
                                const JudgementThresholds& thresholds,
                                int64_t now_ns, Depth depth) {
  const JudgedLife by_memory{lives, me, input, thresholds, now_ns};
  const ProcessJudgement memory = JudgeSeries(by_memory, depth);
  if (!IsCovered(used[me], lives[me])) return memory;
  const JudgedLife by_use{used, me, input, thresholds, now_ns, &lives};
  ProcessJudgement use = JudgeSeries(by_use, depth);
  use.by_used = true;
  if (Holds(use)) {
    // Of the same growth the memory has the more looks: its shape is surer.
    if (!IsShared(by_use, by_memory, use)) return use;
    // Whether it was the shape that failed is known in full only.
    const ProcessJudgement full = depth == Depth::kInFull
                                      ? memory
                                      : JudgeSeries(by_memory, Depth::kInFull);
    return full.by_shape ? full : use;
  }
  if (!Holds(memory) && !memory.all_but_sure) {
    return memory.grows && !use.grows ? memory : use;
  }
  const auto in_use = SlopeOf(by_use, memory.window_s);
  const auto in_all = SlopeOf(by_memory, memory.window_s);
  if (!in_use || !in_all || *in_all <= 0) return use;
  if (*in_use >= thresholds.least_in_use * *in_all) return memory;
  return Kept(by_memory, by_use, memory);
}

}  // namespace plimsoll::collector
