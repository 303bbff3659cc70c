#include "agent/core/fresh_pages.h"

#include <algorithm>
#include <utility>

namespace plimsoll::core {

void FreshPages::Reset(std::vector<PageRange> resident) {
  resident_ = std::move(resident);
  touched_.clear();
}

bool FreshPages::Touch(uint64_t address) {
  const auto after = std::upper_bound(
      resident_.begin(), resident_.end(), address,
      [](uint64_t at, const PageRange& range) { return at < range.start; });
  if (after != resident_.begin() && address < std::prev(after)->end) {
    return false;
  }
  return touched_.insert(address / kSmallPageBytes).second;
}

int64_t FreshPages::bytes() const {
  uint64_t bytes = touched_.size() * kSmallPageBytes;
  for (const PageRange& range : resident_) bytes += range.end - range.start;
  return static_cast<int64_t>(bytes);
}

}  // namespace plimsoll::core
