// Where the anonymous memory of a live Python is, by a census and by the
// kernel, in bytes. They are of the same memory, so the parts add up to the
// kernel's figure but for what nobody explains: stacks of threads, other
// allocators, mappings that extensions make.
#ifndef PLIMSOLL_TESTS_SUPPORT_MEMORY_SPLIT_H_
#define PLIMSOLL_TESTS_SUPPORT_MEMORY_SPLIT_H_

#include <cctype>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

#include "agent/core/heap_census.h"

namespace plimsoll::testing {

struct MemorySplit {
  double anon = 0;  // RssAnon of /proc/PID/status
  double pools_live = 0, pools_free = 0;
  double objects = 0;  // malloc's: Python objects, and buffers they own
  double native = 0;   // what else malloc handed out
  double malloc_free = 0, lost = 0;
  // By smaps: changed pages of mapped files (data of programs and libraries),
  // and the main thread's stack.
  double files = 0, stack = 0;

  double Unexplained() const {
    return anon - pools_live - pools_free - objects - native - malloc_free -
           lost - files - stack;
  }
};

inline void ReadKernelsPart(int32_t pid, MemorySplit& split) {
  const std::string proc = "/proc/" + std::to_string(pid);
  std::ifstream status(proc + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) {
      split.anon = std::stod(line.substr(8)) * 1024;
    }
  }
  std::ifstream smaps(proc + "/smaps");
  double* where = nullptr;
  for (std::string line; std::getline(smaps, line);) {
    if (line.starts_with("Anonymous:")) {
      if (where != nullptr) *where += std::stod(line.substr(10)) * 1024;
    } else if (!line.empty() && !std::isupper(static_cast<uint8_t>(line[0]))) {
      std::istringstream words(line);
      std::string range, mode, offset, device, inode, path;
      words >> range >> mode >> offset >> device >> inode >> path;
      where = inode != "0"        ? &split.files
              : path == "[stack]" ? &split.stack
                                  : nullptr;
    }
  }
}

// The census is of all pools, over what is in memory.
inline MemorySplit SplitMemory(int32_t pid, const core::HeapCensus& census,
                               uint32_t pool_bytes) {
  MemorySplit split;
  ReadKernelsPart(pid, split);
  auto pools = static_cast<double>(census.pools_free);
  for (const core::SizeClass& c : census.size_classes) {
    split.pools_live += static_cast<double>(c.blocks_live * c.block_bytes);
    pools += static_cast<double>(c.pools);
  }
  const core::MallocUse& m = census.malloc;
  split.pools_free = pools * pool_bytes - split.pools_live;
  split.objects = static_cast<double>(m.object_bytes + m.buffer_bytes);
  split.native = static_cast<double>(m.live_bytes) - split.objects;
  split.malloc_free = static_cast<double>(m.free_bytes);
  split.lost = static_cast<double>(m.lost_bytes);
  return split;
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_MEMORY_SPLIT_H_
