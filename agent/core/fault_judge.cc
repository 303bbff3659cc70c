#include "agent/core/fault_judge.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace plimsoll::core {

bool IsGrowable(const std::vector<Mapping>& mappings, uint64_t address) {
  const auto after = std::upper_bound(
      mappings.begin(), mappings.end(), address,
      [](uint64_t at, const Mapping& mapping) { return at < mapping.start; });
  if (after == mappings.begin()) return false;
  const Mapping& mapping = *std::prev(after);
  return address < mapping.end && mapping.writable && !mapping.shared &&
         mapping.inode == 0 && !mapping.path.starts_with("[stack");
}

void FaultJudge::Learn(std::vector<PageRange> resident, uint64_t asked_ns,
                       uint64_t came_ns) {
  next_ = {std::move(resident), asked_ns, came_ns};
  meanwhile_.clear();
}

std::optional<bool> FaultJudge::IsFresh(uint64_t address, uint64_t time_ns) {
  if (next_ && time_ns > next_->came_ns) {
    pages_.Reset(std::move(next_->resident));
    // The list was read at some moment between the two.
    for (const uint64_t page : meanwhile_) pages_.Touch(page);
    meanwhile_.clear();
    next_.reset();
    known_ = true;
  } else if (next_ && time_ns >= next_->asked_ns) {
    meanwhile_.push_back(address);
  }
  if (!known_) return std::nullopt;
  return pages_.Touch(address);
}

}  // namespace plimsoll::core
