// The part of a process' anonymous memory that is in use: what its allocators
// hold free is taken off, as far as its censuses say it (free blocks and pools
// of Python's arenas, free chunks of glibc's malloc; what other allocators hold
// counts as in use, and so does garbage that is not collected yet). At the
// times of the censuses, which are further apart than those of the memory.
// Plain; not thread-safe.
#ifndef PLIMSOLL_COLLECTOR_CORE_HISTORY_USED_MEMORY_H_
#define PLIMSOLL_COLLECTOR_CORE_HISTORY_USED_MEMORY_H_

#include <cstdint>
#include <vector>

#include "collector/core/fleet.h"

namespace plimsoll::collector {

// Of malloc's heaps, where a census walked them (collector/rpc): what it handed
// out, what of that is Python's objects and what they own, and free chunks.
namespace metric {
inline constexpr char kMallocLive[] = "malloc_live_bytes";
inline constexpr char kMallocPython[] = "malloc_python_bytes";
inline constexpr char kMallocFree[] = "malloc_free_bytes";
}  // namespace metric

// Fed with what is new of a process' series, each in time order, at each look.
class UsedMemory {
 public:
  // Bytes in use, in time order. Where malloc was walked at one time, a time
  // at which it was not says too little and is left out.
  std::vector<Sample> Add(const std::vector<Sample>& anon,
                          const std::vector<Sample>& python_free,
                          const std::vector<Sample>& malloc_free);

 private:
  Sample newest_anon_;
  bool has_malloc_ = false;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_HISTORY_USED_MEMORY_H_
