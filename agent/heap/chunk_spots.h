// Where glibc's malloc will put its next chunks, and what stands at one now:
// the birth watch's view of its heap, as birth_spots.h is of pymalloc's.
//
// malloc takes a chunk of up to 1,040 bytes from its thread's cache, the one
// handed back last first; else from the bins of the arena (one of that size, or
// a larger one that is split), else from the arena's top. Only the first of a
// cache is foreseen with certainty: in a top the next chunks begin where those
// before them end, which is known where they have one size
// (SpotWish::step_bytes).
//
// Pure and bounded; everything read is untrusted, and has moved on when the
// answer is there; any thread.
#ifndef PLIMSOLL_AGENT_HEAP_CHUNK_SPOTS_H_
#define PLIMSOLL_AGENT_HEAP_CHUNK_SPOTS_H_

#include "agent/core/birth_look.h"
#include "agent/core/ports.h"

namespace plimsoll::heap {

// BirthSpot::block is the address of a chunk's head.
core::BirthSpot FindChunkSpot(const core::MemorySource& memory,
                              const core::SpotWish& wish);

// A chunk in a fast bin counts as handed out: its head says no more.
core::BlockState LookAtChunk(const core::MemorySource& memory,
                             const core::BlockQuestion& question);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_CHUNK_SPOTS_H_
