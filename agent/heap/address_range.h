// Ranges of a target's addresses. Plain values; one thread each.
#ifndef PLIMSOLL_AGENT_HEAP_ADDRESS_RANGE_H_
#define PLIMSOLL_AGENT_HEAP_ADDRESS_RANGE_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace plimsoll::heap {

struct AddressRange {
  uint64_t start = 0;
  uint64_t end = 0;
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

// Ranges that touch are one. Not bounded: as many as the caller has.
class RangeSet {
 public:
  RangeSet() = default;
  explicit RangeSet(std::vector<AddressRange> ranges) {
    std::erase_if(ranges, [](const auto& r) { return r.start >= r.end; });
    std::sort(ranges.begin(), ranges.end(),
              [](const auto& a, const auto& b) { return a.start < b.start; });
    for (const AddressRange& range : ranges) {
      if (!ranges_.empty() && ranges_.back().end >= range.start) {
        ranges_.back().end = std::max(ranges_.back().end, range.end);
      } else {
        ranges_.push_back(range);
      }
    }
  }

  // Where the range that holds `address` ends; 0 when there is none. Asked in
  // runs of neighbours: the last answer is tried first.
  uint64_t EndOf(uint64_t address) const {
    if (last_ < ranges_.size() && address >= ranges_[last_].start &&
        address < ranges_[last_].end) {
      return ranges_[last_].end;
    }
    const auto after = std::upper_bound(
        ranges_.begin(), ranges_.end(), address,
        [](uint64_t at, const AddressRange& r) { return at < r.start; });
    if (after == ranges_.begin() || address >= (after - 1)->end) return 0;
    last_ = static_cast<size_t>(after - 1 - ranges_.begin());
    return ranges_[last_].end;
  }
  bool Contains(uint64_t address) const { return EndOf(address) != 0; }
  bool ContainsAll(uint64_t address, uint64_t bytes) const {
    const uint64_t end = EndOf(address);
    return end != 0 && bytes <= end - address;
  }
  // Where the first range behind `address` starts; 0 when there is none.
  uint64_t NextStart(uint64_t address) const {
    const auto after = std::upper_bound(
        ranges_.begin(), ranges_.end(), address,
        [](uint64_t at, const AddressRange& r) { return at < r.start; });
    return after == ranges_.end() ? 0 : after->start;
  }
  // How many bytes of it are in a range.
  uint64_t Overlap(uint64_t address, uint64_t bytes) const {
    if (ContainsAll(address, bytes)) return bytes;
    auto it = std::upper_bound(
        ranges_.begin(), ranges_.end(), address,
        [](uint64_t at, const AddressRange& r) { return at < r.start; });
    if (it != ranges_.begin()) --it;
    uint64_t sum = 0;
    for (; it != ranges_.end() && it->start < address + bytes; ++it) {
      const uint64_t start = std::max(it->start, address);
      const uint64_t end = std::min(it->end, address + bytes);
      if (start < end) sum += end - start;
    }
    return sum;
  }
  // What is in no range of `other`.
  RangeSet Without(const RangeSet& other) const {
    RangeSet rest;
    auto cut = other.ranges_.begin();
    for (AddressRange range : ranges_) {
      while (cut != other.ranges_.end() && cut->end <= range.start) ++cut;
      for (auto it = cut; it != other.ranges_.end() && it->start < range.end;
           ++it) {
        if (it->start > range.start) {
          rest.ranges_.push_back({range.start, it->start});
        }
        range.start = std::min(it->end, range.end);
      }
      if (range.start < range.end) rest.ranges_.push_back(range);
    }
    return rest;
  }
  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const AddressRange& range : ranges_) sum += range.end - range.start;
    return sum;
  }
  const std::vector<AddressRange>& ranges() const { return ranges_; }

 private:
  std::vector<AddressRange> ranges_;
  mutable size_t last_ = 0;  // one thread each
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_ADDRESS_RANGE_H_
