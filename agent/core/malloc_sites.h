// Where the C library's allocator of one process can be probed: the functions
// to which its interpreter's calls are bound. Plain values.
#ifndef PLIMSOLL_AGENT_CORE_MALLOC_SITES_H_
#define PLIMSOLL_AGENT_CORE_MALLOC_SITES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/python_layout.h"

namespace plimsoll::core {

// The values equal those of bpf/malloc.bpf.c.
enum class MallocFunction : uint8_t {
  kMalloc = 1,
  kCalloc = 2,
  kRealloc = 3,
  kAlignedAlloc = 4,  // aligned_alloc and memalign: (alignment, bytes)
  kPosixMemalign = 5,
  kFree = 6,
};

struct MallocSite {
  MallocFunction function = MallocFunction::kMalloc;
  // Of all but free the stack pointer still leads to the return address there.
  uint64_t file_offset = 0;
  ProbeCost cost = ProbeCost::kSingleStepped;
};

struct MallocSites {
  std::string allocator;        // as PythonProcess.native_allocator
  std::string module;           // base name of the file, as the target sees it
  std::string open_path;        // opens that file from here
  uint64_t malloc_address = 0;  // in the process: another one, another program
  // Before each block stands the head of a chunk of glibc's malloc: it tells
  // the block's size, and a later look whether it is still in use.
  bool chunk_heads = false;
  std::vector<MallocSite> sites;
};

// A block that malloc handed out: its address, and the size of its chunk.
struct BlockClaim {
  uint64_t address = 0;
  uint64_t chunk_bytes = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_MALLOC_SITES_H_
