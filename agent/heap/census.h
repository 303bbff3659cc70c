// The census: every live object of a CPython heap by type, from its memory
// alone. Nothing in the target runs, stops or is told.
//
// How: private writable anonymous memory is read in small pieces; pymalloc
// pools are recognised by shape (pool.h); each block that is not on its pool's
// free list is live; it holds an object when the word after a sane reference
// count, at one of the layout's offsets, is a type (type_table.h). Objects over
// 512 bytes are not in pools: the chunks of glibc's malloc are walked for them
// (chunk_walk.h), and those are believed whose own size fits their chunk.
// Where there are no pools (PYTHONMALLOC=malloc) all objects are found so.
// Where malloc is another, large objects are found from the collector's lists,
// as far as those lead (reached_objects.h).
//
// What the figures mean:
//   objects   live objects of a type. Objects that wait on a free list of
//             their type (reference count 0) are not live.
//   bytes     what the objects cost: sys.getsizeof with the GC head and what
//             stands before it, each block rounded up to the allocator's
//             (16 bytes in a pool, malloc's chunk past 512), and what they own
//             outside (owned_bytes.h), of which sys.getsizeof leaves out the
//             attribute values of 3.11-3.13.
//   types     by name; type objects of the same name (a class that is made
//             anew per call) are one row, whose type_address is that of the
//             one with the most objects.
//   unknown   live blocks that hold no live object and that none of the above
//             owns: keys that instances of a class share, objects on a type's
//             free list, other PyMem memory. Blocks of types, owned blocks and
//             unknown ones together are the live blocks of the pools read.
//   malloc    what its chunks come to, live and free, and which of it is Python
//             objects and their buffers; the rest is native. With the pools
//             and what is neither it adds up to resident_bytes.
//   coverage  blocks examined, of the live blocks that the pools found say
//             they have. Less than all when memory could not be read, or a
//             pool kept changing while it was copied (tried kTries times).
//
// Under load the heap moves while it is read: the figures are of the moments
// in which each pool was copied, not of one moment.
//
// Errors: kNotFound nothing could be read (the process is gone); kUnimplemented
// the layout is not filled, or memory was read and holds no pool.
//
// Pure and bounded; memory use is a piece, plus about 100 bytes per type and
// 20 per refused address (type_table.h). Any thread; one call, one thread.
//
// Example:
//   PLIMSOLL_ASSIGN_OR_RETURN(core::HeapCensus census,
//                             heap::TakeCensus(memory, mappings, python, {}));
#ifndef PLIMSOLL_AGENT_HEAP_CENSUS_H_
#define PLIMSOLL_AGENT_HEAP_CENSUS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/heap_census.h"
#include "agent/core/ports.h"
#include "agent/core/python_layout.h"
#include "agent/heap/address_range.h"

namespace plimsoll::heap {

// Where pools may lie: private, writable, anonymous memory.
std::vector<AddressRange> PoolRanges(
    const std::vector<core::Mapping>& mappings);

// `mappings` are all of the process' mappings, by address. duration_ns is left
// to the caller, who has a clock.
absl::StatusOr<core::HeapCensus> TakeCensus(
    const core::MemorySource& memory,
    const std::vector<core::Mapping>& mappings,
    const core::PythonProcess& python, const core::CensusOptions& options);

// The same where the caller knows better which memory to look at: by address,
// disjoint. A live target's pages that are not in memory are best left out:
// reading them would bring them in.
absl::StatusOr<core::HeapCensus> TakeCensus(
    const core::MemorySource& memory,
    const std::vector<core::Mapping>& mappings,
    const std::vector<AddressRange>& ranges, const core::PythonProcess& python,
    const core::CensusOptions& options);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_CENSUS_H_
