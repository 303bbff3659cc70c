// Which chunks of glibc's malloc are in use, by size, and where malloc takes
// the next ones from: read before native growth is followed. Sizes are those of
// malloc's caches, one by one; larger ones by powers of two.
//
// With a type, only chunks that hold an object of it: those over 512 bytes,
// which pymalloc does not hold. Chunks with a mapping of their own are not on
// the heaps and not counted.
//
// kUnimplemented: malloc is not glibc's, or one whose lists are not known.
//
// Pure and bounded; everything read is untrusted; any thread.
#ifndef PLIMSOLL_AGENT_HEAP_CHUNK_SURVEY_H_
#define PLIMSOLL_AGENT_HEAP_CHUNK_SURVEY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/birth_look.h"
#include "agent/core/ports.h"
#include "agent/core/python_layout.h"
#include "agent/heap/address_range.h"

namespace plimsoll::heap {

// `ranges`: what is readable and in memory. type_address 0: all chunks.
// malloc_begin and malloc_end are left 0.
absl::StatusOr<core::BirthSurvey> SurveyChunks(
    const core::MemorySource& memory,
    const std::vector<core::Mapping>& mappings,
    const std::vector<AddressRange>& ranges, const core::PythonProcess& python,
    uint64_t type_address);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_CHUNK_SURVEY_H_
