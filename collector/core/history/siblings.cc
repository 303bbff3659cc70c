#include "collector/core/history/siblings.h"

#include <algorithm>

namespace plimsoll::collector {
namespace {

constexpr double kLeastSpan_s = 1800;
constexpr double kLeastOfSpan = 0.4;
// Of the growth in question: below the first a sibling has stopped, above the
// second it goes on; between them it says nothing.
constexpr double kStopped = 0.35, kGoesOnFrom = 0.5;
constexpr int kEndpointBlocks = 3;

double MedianFloor(const MemoryBlock* blocks) {
  const double a = blocks[0].floor, b = blocks[1].floor, c = blocks[2].floor;
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

// Lives of one workload that are full differ by so much.
constexpr double kPlateausDiffer = 0.08;

// Above the level at which each older life has stopped growing, of whatever
// version, by more than such levels differ. What it fills they have filled.
bool Outgrew(const std::vector<WorkloadLife>& lives, size_t me,
             double bytes_per_s, double age_s) {
  double highest = 0;
  for (size_t i = 0; i < lives.size(); ++i) {
    const WorkloadLife& q = lives[i];
    if (i == me || q.blocks.size() < 2 * kEndpointBlocks) continue;
    const MemoryBlock* last =
        q.blocks.data() + q.blocks.size() - kEndpointBlocks;
    const double age =
        static_cast<double>(q.blocks.back().time_ns - q.start_ns) / 1e9;
    if (age < age_s) continue;
    const auto rate = RateAtAge(q, age - std::max(3600.0, age_s / 2), age);
    if (rate && *rate < kStopped * bytes_per_s) {
      highest = std::max(highest, MedianFloor(last));
    }
  }
  const std::vector<MemoryBlock>& mine = lives[me].blocks;
  if (highest <= 0 || mine.size() < kEndpointBlocks) return false;
  return MedianFloor(mine.data() + mine.size() - kEndpointBlocks) >
         (1 + kPlateausDiffer) * highest;
}

struct Votes {
  int stopped = 0, goes_on = 0;
  void Add(std::optional<double> rate, double bytes_per_s) {
    if (!rate) return;
    stopped += *rate < kStopped * bytes_per_s;
    goes_on += *rate > kGoesOnFrom * bytes_per_s;
  }
};

}  // namespace

std::optional<double> RateAtAge(const WorkloadLife& life, double from_s,
                                double to_s) {
  const auto age = [&](const MemoryBlock& b) {
    return static_cast<double>(b.time_ns - life.start_ns) / 1e9;
  };
  const auto first = std::partition_point(
      life.blocks.begin(), life.blocks.end(),
      [&](const MemoryBlock& b) { return age(b) < from_s; });
  const auto past = std::partition_point(
      first, life.blocks.end(),
      [&](const MemoryBlock& b) { return age(b) <= to_s; });
  if (past - first < 2 * kEndpointBlocks) return std::nullopt;
  const auto end = past - kEndpointBlocks;
  const double span = age(*end) - age(*first);
  if (span < std::max(kLeastSpan_s, kLeastOfSpan * (to_s - from_s))) {
    return std::nullopt;
  }
  return (MedianFloor(&*end) - MedianFloor(&*first)) / span;
}

SiblingWord AskSiblings(const std::vector<WorkloadLife>& lives, size_t me,
                        double bytes_per_s, double window_s, double fill_age_s,
                        int64_t now_ns) {
  const WorkloadLife& mine = lives[me];
  const double age = static_cast<double>(now_ns - mine.start_ns) / 1e9;
  const double next = age + std::max(window_s, 3600.0);
  // A sibling that still grows says nothing while it may be filling itself.
  const double grown = std::max(age, fill_age_s);
  Votes older, grown_up, other_now, other_next;
  for (size_t i = 0; i < lives.size(); ++i) {
    if (i == me) continue;
    const WorkloadLife& q = lives[i];
    if (q.version == mine.version) {
      if (q.killed) return SiblingWord::kGoesOn;
      older.Add(RateAtAge(q, age, next), bytes_per_s);
      grown_up.Add(RateAtAge(q, grown, grown + next), bytes_per_s);
    } else {
      other_now.Add(RateAtAge(q, age - window_s, age), bytes_per_s);
      other_next.Add(RateAtAge(q, age, next), bytes_per_s);
    }
  }
  if (grown_up.goes_on > grown_up.stopped) return SiblingWord::kGoesOn;
  // What it would fill they have filled.
  const bool outgrew = Outgrew(lives, me, bytes_per_s, age);
  if (older.stopped > older.goes_on || grown_up.stopped > 0) {
    return outgrew ? SiblingWord::kOutgrew : SiblingWord::kFlattens;
  }
  if (other_now.stopped > other_now.goes_on) return SiblingWord::kNewVersion;
  if (outgrew) return SiblingWord::kOutgrew;
  if (other_now.goes_on > 0 && other_next.stopped > other_next.goes_on) {
    return SiblingWord::kFlattens;
  }
  return SiblingWord::kNothing;
}

double SurvivedPeak(const std::vector<WorkloadLife>& lives) {
  double peak = 0;
  for (const WorkloadLife& life : lives) {
    peak = std::max(peak, life.survived_peak);
  }
  return peak;
}

}  // namespace plimsoll::collector
