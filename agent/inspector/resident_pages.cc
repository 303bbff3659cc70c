#include "agent/inspector/resident_pages.h"

#include <fcntl.h>
#include <sys/ioctl.h>
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

// struct pm_scan_arg and struct page_region of Linux 6.7's <linux/fs.h>.
struct PageRegion {
  uint64_t start, end, categories;
};
struct ScanArguments {
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
static_assert(sizeof(ScanArguments) == 96);
constexpr uint64_t kIsPresent = 1 << 3;
constexpr uint64_t kIsSwapped = 1 << 4;
constexpr size_t kRegionsAtOnce = 1024;

// False when the kernel has no such call.
bool ScanRange(int pagemap, heap::AddressRange range, ResidentRanges& result) {
  std::vector<PageRegion> regions(kRegionsAtOnce);
  result.BeginRange(range);
  for (uint64_t at = range.start; at < range.end;) {
    ScanArguments arguments{};
    arguments.size = sizeof(arguments);
    arguments.start = at;
    arguments.end = range.end;
    arguments.vec = reinterpret_cast<uint64_t>(regions.data());
    arguments.vec_len = regions.size();
    arguments.category_anyof_mask = kIsPresent | kIsSwapped;
    arguments.return_mask = kIsPresent | kIsSwapped;
    int filled;
    do {
      filled = ::ioctl(pagemap, kPagemapScan, &arguments);
    } while (filled < 0 && errno == EINTR);
    if (filled < 0 || static_cast<size_t>(filled) > regions.size()) {
      return false;
    }
    for (int i = 0; i < filled; ++i) {
      result.AddPages({regions[i].start, regions[i].end},
                      regions[i].categories & kIsSwapped);
    }
    if (arguments.walk_end <= at) return false;
    at = arguments.walk_end;
  }
  return true;
}

// False when the kernel does not tell.
bool ReadRange(int pagemap, heap::AddressRange range, ResidentRanges& result,
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
      if (entries[i] & (kPresent | kSwapped)) {
        result.AddPages({at, at + kPageBytes}, entries[i] & kSwapped);
      }
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

void ResidentRanges::AddPages(heap::AddressRange pages, bool swapped) {
  auto& ranges = result_.ranges;
  if (swapped) {
    result_.swapped_pages +=
        static_cast<int64_t>((pages.end - pages.start) / kPageBytes);
    if (!ranges.empty() && ranges.back().end > pages.start) {
      ranges.back().end = std::max(ranges.back().start, pages.start);
    }
    floor_ = pages.end;
    return;
  }
  const uint64_t start =
      std::max(floor_, pages.start / pool_bytes_ * pool_bytes_);
  const uint64_t end = std::min(
      range_.end, (pages.end + pool_bytes_ - 1) / pool_bytes_ * pool_bytes_);
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
  ResidentRanges scanned(pool_bytes);
  bool complete = true;
  for (const heap::AddressRange& range : ranges) {
    complete = complete && ScanRange(pagemap.get(), range, scanned);
  }
  if (complete) return scanned.Take();
  ResidentRanges read(pool_bytes);
  uint64_t budget = kMostAddressSpace;
  for (const heap::AddressRange& range : ranges) {
    if (!ReadRange(pagemap.get(), range, read, budget)) return {ranges, 0};
  }
  return read.Take();
}

}  // namespace plimsoll::inspector
