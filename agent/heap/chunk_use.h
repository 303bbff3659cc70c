// Whether blocks that glibc's malloc handed out still stand in use: by the head
// of each one's chunk, and by the bit that the next one's head has of it.
// Layout: malloc_chunk.h.
//
// What waits in a thread's cache or a fast bin looks in use. A caller that has
// seen every free knows of those.
//
// Pure; everything read is untrusted, and changes meanwhile; any thread.
#ifndef PLIMSOLL_AGENT_HEAP_CHUNK_USE_H_
#define PLIMSOLL_AGENT_HEAP_CHUNK_USE_H_

#include <vector>

#include "agent/core/malloc_sites.h"
#include "agent/core/ports.h"

namespace plimsoll::heap {

// One answer for each claim. False where the head is not that of a chunk of
// the claimed size, or cannot be read.
std::vector<bool> ChunksInUse(const core::MemorySource& memory,
                              const std::vector<core::BlockClaim>& claims);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_CHUNK_USE_H_
