// The census: every live object of a CPython heap by type, from its memory
// alone. Nothing in the target runs, stops or is told.
//
// How: private writable anonymous memory is read in small pieces; pymalloc
// pools are recognised by shape (pool.h); each block that is not on its pool's
// free list is live; it holds an object when the word after a sane reference
// count, at one of the layout's offsets, is a type (type_table.h).
//
// What the figures mean:
//   objects   live objects of a type. Objects that wait on a free list of
//             their type (reference count 0) are not live.
//   bytes     of the blocks, so the true cost in the pool and never less than
//             sys.getsizeof() of the same object without its own buffers.
//             Objects over 512 bytes are not in pools: neither they nor the
//             buffers of lists, dicts and sets beyond that size are here.
//   types     by name; type objects of the same name (a class that is made
//             anew per call) are one row, whose type_address is that of the
//             one with the most objects. That classes are made anew shows as
//             growth of `type`... whose blocks are over 512 bytes, and
//             therefore of what they hold (dict, tuple, getset_descriptor).
//   unknown   live blocks that hold no live object: buffers of lists and
//             dicts, objects on a type's free list, other PyMem memory.
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

namespace plimsoll::heap {

struct AddressRange {
  uint64_t start = 0;
  uint64_t end = 0;
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

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
