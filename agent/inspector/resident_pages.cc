#include "agent/inspector/resident_pages.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::inspector {
namespace {

constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kSwapped = uint64_t{1} << 62;
constexpr uint64_t kMostAddressSpace = uint64_t{1} << 40;
constexpr size_t kEntriesAtOnce = 4096;

// False when the kernel does not tell.
bool AddRange(int pagemap, heap::AddressRange range, ResidentRanges& result,
              uint64_t& budget) {
  std::vector<uint64_t> entries(kEntriesAtOnce);
  result.BeginRange(range);
  for (uint64_t at = range.start; at < range.end && budget > 0;) {
    const size_t want = std::min<uint64_t>(
        kEntriesAtOnce, (range.end - at + kPageBytes - 1) / kPageBytes);
    ssize_t read;
    do {
      read = ::pread(pagemap, entries.data(), want * sizeof(uint64_t),
                     static_cast<off_t>(at / kPageBytes * sizeof(uint64_t)));
    } while (read < 0 && errno == EINTR);
    if (read < static_cast<ssize_t>(sizeof(uint64_t))) return false;
    const size_t got = static_cast<size_t>(read) / sizeof(uint64_t);
    for (size_t i = 0; i < got; ++i, at += kPageBytes) {
      result.AddPage(at, entries[i] & kPresent, entries[i] & kSwapped);
    }
    budget -= std::min<uint64_t>(budget, got * kPageBytes);
  }
  return true;
}

}  // namespace

void ResidentRanges::BeginRange(heap::AddressRange range) {
  range_ = range;
  floor_ = range.start;
}

void ResidentRanges::AddPage(uint64_t address, bool present, bool swapped) {
  auto& ranges = result_.ranges;
  if (swapped) {
    ++result_.swapped_pages;
    if (!ranges.empty() && ranges.back().end > address) {
      ranges.back().end = std::max(ranges.back().start, address);
    }
    floor_ = address + kPageBytes;
    return;
  }
  if (!present) return;
  const uint64_t start = std::max(floor_, address / pool_bytes_ * pool_bytes_);
  const uint64_t end =
      std::min(range_.end, (address / pool_bytes_ + 1) * pool_bytes_);
  if (!ranges.empty() && ranges.back().end >= start &&
      ranges.back().start >= range_.start) {
    ranges.back().end = std::max(ranges.back().end, end);
  } else {
    ranges.push_back({start, end});
  }
}

Residency ResidentRanges::Take() {
  std::erase_if(result_.ranges,
                [](const auto& range) { return range.start >= range.end; });
  return std::exchange(result_, {});
}

Residency ReadResidentRanges(std::string_view proc_root, int32_t pid,
                             const std::vector<heap::AddressRange>& ranges,
                             uint32_t pool_bytes) {
  const std::string path =
      absl::StrCat(std::string(proc_root), "/", pid, "/pagemap");
  const UniqueFd pagemap(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!pagemap.valid() || pool_bytes < kPageBytes) return {ranges, 0};
  ResidentRanges result(pool_bytes);
  uint64_t budget = kMostAddressSpace;
  for (const heap::AddressRange& range : ranges) {
    if (!AddRange(pagemap.get(), range, result, budget)) return {ranges, 0};
  }
  return result.Take();
}

}  // namespace plimsoll::inspector
