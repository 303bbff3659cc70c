// What the cyclic collector says of itself: collections per generation, whether
// it is enabled, its thresholds, and how many objects are frozen. Source:
// struct _gc_runtime_state, Include/internal/pycore_gc.h (3.9+), mem.h
// (3.7, 3.8); where it is comes with core::GcLayout.
//
// Pure; untrusted bytes. What could not be read or makes no sense is absent:
// no generations, no `enabled`. Frozen objects are counted by a walk of their
// list, which is bounded: past two million of them, or 256 MiB of pages that
// they lie in, their number is absent. Threads: as the MemorySource.
#ifndef PLIMSOLL_AGENT_HEAP_GC_STATE_H_
#define PLIMSOLL_AGENT_HEAP_GC_STATE_H_

#include "agent/core/heap_census.h"
#include "agent/core/ports.h"
#include "agent/core/python_layout.h"

namespace plimsoll::heap {

core::GcState ReadGcState(const core::MemorySource& memory,
                          const core::GcLayout& layout);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_GC_STATE_H_
