// Which of a target's pages are in memory, from /proc/PID/pagemap
// (Documentation/admin-guide/mm/pagemap.rst). The census reads only those:
// reading a page that was never touched would map it, and reading a swapped one
// would bring it back, in a process that may be short of memory.
//
// ResidentRanges is pure; ReadResidentRanges reads. One thread each.
#ifndef PLIMSOLL_AGENT_INSPECTOR_RESIDENT_PAGES_H_
#define PLIMSOLL_AGENT_INSPECTOR_RESIDENT_PAGES_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/heap/census.h"

namespace plimsoll::inspector {

inline constexpr uint64_t kPageBytes = 4096;
// PAGEMAP_SCAN, Linux 6.7: the sandbox lets it through.
inline constexpr uint64_t kPagemapScan = 0xc0606610;

struct Residency {
  std::vector<heap::AddressRange> ranges;  // by address, disjoint
  int64_t swapped_pages = 0;               // left out
};

// Collects pages, in ascending order, into ranges that begin and end on pool
// boundaries where neither the range asked for nor a swapped page forbids it:
// a pool of which one page was never touched is still read whole.
class ResidentRanges {
 public:
  explicit ResidentRanges(uint32_t pool_bytes) : pool_bytes_(pool_bytes) {}
  void BeginRange(heap::AddressRange range);
  // Pages side by side that are in memory, or swapped.
  void AddPages(heap::AddressRange pages, bool swapped);
  Residency Take();

 private:
  uint64_t pool_bytes_;
  heap::AddressRange range_;
  uint64_t floor_ = 0;  // end of the last swapped page
  Residency result_;
};

// `ranges` without what is not in memory; all of them when the kernel does not
// tell. By ioctl PAGEMAP_SCAN, which skips what is not there; before Linux 6.7
// by reading 8 bytes a page, of at most 1 TiB of address space: what lies
// behind that is left out.
Residency ReadResidentRanges(std::string_view proc_root, int32_t pid,
                             const std::vector<heap::AddressRange>& ranges,
                             uint32_t pool_bytes);

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_RESIDENT_PAGES_H_
