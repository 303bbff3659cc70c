#include "collector/core/history/life_log.h"

#include <algorithm>

namespace plimsoll::collector {
namespace {

constexpr size_t kPercentileFrom = 60;
// A fall by less is a saw's tooth or a request that ended.
constexpr double kGivenBack = 0.12;

}  // namespace

void LifeLog::Add(const std::vector<Sample>& samples) {
  for (const Sample& s : samples) {
    if (s.time_ns <= newest_ns_) continue;
    newest_ns_ = s.time_ns;
    newest_value_ = s.value;
    if (first_ns_ == 0) first_ns_ = s.time_ns;
    if (open_.empty() || s.time_ns - open_from_ns_ >= kBlockNs) {
      Close();
      open_from_ns_ = s.time_ns - s.time_ns % kBlockNs;
    }
    open_.push_back(s);
  }
}

MemoryBlock LifeLog::Summary() const {
  std::vector<Sample> sorted = open_;
  const size_t rank = sorted.size() >= kPercentileFrom ? sorted.size() / 20 : 0;
  std::nth_element(
      sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(rank),
      sorted.end(),
      [](const Sample& a, const Sample& b) { return a.value < b.value; });
  MemoryBlock block{sorted[rank].time_ns, sorted[rank].value, 0,
                    open_requests_};
  for (const Sample& s : open_) block.peak = std::max(block.peak, s.value);
  return block;
}

void LifeLog::Close() {
  if (open_.empty()) return;
  closed_.push_back(Summary());
  // Of floors: the teeth of a fast saw are no levels that were reached.
  const double floor = closed_.back().floor;
  highest_ = std::max(highest_, floor);
  if (floor < (1 - kGivenBack) * highest_) {
    survived_peak_ = std::max(survived_peak_, highest_);
    highest_ = floor;
  }
  if (first_floor_ == 0) first_floor_ = closed_.back().floor;
  if (closed_.size() > kMostBlocks) closed_.erase(closed_.begin());
  open_.clear();
  open_requests_ = 0;
}

void LifeLog::MoveTo(std::vector<MemoryBlock>& blocks) {
  if (open_was_moved_) blocks.pop_back();
  const size_t all = blocks.size() + closed_.size();
  const size_t over = all > kMostBlocks ? all - kMostBlocks : 0;
  blocks.erase(blocks.begin(),
               blocks.begin() +
                   static_cast<std::ptrdiff_t>(std::min(over, blocks.size())));
  // Doubled, the room for a day would be that for two.
  const size_t room = blocks.size() + closed_.size() + 1;
  if (room > blocks.capacity()) {
    blocks.reserve(std::min(kMostBlocks + 1, room + room / 4));
  }
  blocks.insert(blocks.end(), closed_.begin(), closed_.end());
  closed_ = std::vector<MemoryBlock>();  // its room too
  open_was_moved_ =
      !open_.empty() && newest_ns_ - open_from_ns_ >= kBlockNs / 2;
  if (open_was_moved_) blocks.push_back(Summary());
}

}  // namespace plimsoll::collector
