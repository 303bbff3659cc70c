// Where the allocator will put its next blocks, and what stands in one now: the
// birth watch's view of a heap.
//
// pymalloc takes a block of a size class from the first pool of that class'
// list in `usedpools`: from the pool's free list, last freed first, and when
// that is empty from its untouched tail; then from the next pool
// (Objects/obmalloc.c, 3.7-3.13). FindSpot walks in this order. Fresh pools,
// behind the last of the list, are not foreseen: the answer is then the last
// block that is.
//
// The heap moves on meanwhile: a spot may be taken when the answer is there.
//
// Pure and bounded; everything read is untrusted; any thread.
#ifndef PLIMSOLL_AGENT_HEAP_BIRTH_SPOTS_H_
#define PLIMSOLL_AGENT_HEAP_BIRTH_SPOTS_H_

#include <cstdint>
#include <optional>

#include "agent/core/birth_look.h"
#include "agent/core/ports.h"
#include "agent/core/python_layout.h"
#include "agent/heap/pool.h"

namespace plimsoll::heap {

// A pool's header as it hangs in its list.
struct LinkedPool {
  uint64_t address = 0;
  PoolHeader header;
  uint64_t next = 0;
  uint64_t previous = 0;
  uint32_t free() const { return header.capacity - header.live; }
};

// Nothing when there is no pool of blocks of that size at `address`.
std::optional<LinkedPool> ReadLinkedPool(const core::MemorySource& memory,
                                         const core::ObjectLayout& layout,
                                         uint64_t address, int32_t block_bytes);

// Whether `head` is the list head of that class: its first pool names it as
// the one before, or it names itself (no pool of the class has a free block).
bool IsListHead(const core::MemorySource& memory,
                const core::ObjectLayout& layout, uint64_t head,
                int32_t block_bytes);

core::BirthSpot FindSpot(const core::MemorySource& memory,
                         const core::ObjectLayout& layout,
                         const core::SpotWish& wish);

core::BlockState LookAtBlock(const core::MemorySource& memory,
                             const core::ObjectLayout& layout,
                             const core::BlockQuestion& question);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_BIRTH_SPOTS_H_
