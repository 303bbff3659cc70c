// Which blocks hold the live objects of one type, and from where the allocator
// takes the next ones: read once before its births are watched.
//
// The list heads of the allocator's `usedpools` are found without a symbol:
// each pool with a free block leads there by its nextpool. One head gives those
// of the other classes: usedpools has two words a class, and a head lies two
// words before its own (Objects/obmalloc.c, PTA). Each is checked.
//
// Errors: kNotFound nothing could be read; kUnimplemented no type at the
// address, or a layout that is not filled.
//
// Pure and bounded; everything read is untrusted; any thread.
#ifndef PLIMSOLL_AGENT_HEAP_BIRTH_SURVEY_H_
#define PLIMSOLL_AGENT_HEAP_BIRTH_SURVEY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/birth_look.h"
#include "agent/core/ports.h"
#include "agent/core/python_layout.h"
#include "agent/heap/census.h"

namespace plimsoll::heap {

absl::StatusOr<core::BirthSurvey> SurveyBirths(
    const core::MemorySource& memory,
    const std::vector<core::Mapping>& mappings,
    const std::vector<AddressRange>& ranges, const core::PythonProcess& python,
    uint64_t type_address);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_BIRTH_SURVEY_H_
