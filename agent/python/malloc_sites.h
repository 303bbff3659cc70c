// The allocator that a process' interpreter calls: not the libc by its name,
// but the file to which its calls of malloc and free are bound, which the slots
// of its global offset table tell; where to probe it.
//
// Errors: kUnimplemented with what is not as it must be (linked in, not bound
// yet, malloc and free of two files); kNotFound the process is gone.
//
// Foreign bytes; any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_MALLOC_SITES_H_
#define PLIMSOLL_AGENT_PYTHON_MALLOC_SITES_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "agent/core/malloc_sites.h"
#include "agent/core/ports.h"
#include "agent/core/python_layout.h"
#include "agent/python/process_files.h"
#include "agent/python/prologue.h"

namespace plimsoll::python {

absl::StatusOr<core::MallocSites> FindMallocSites(
    const core::PythonProcess& python, const ProcessFiles& files,
    const core::MemorySource& memory);

// Where a probe that is hit at the return may stand: before anything is pushed,
// since the kernel takes the word at the stack pointer for the return address.
// The entry, or behind an endbr64 that begins it.
ProbeSite ChooseReturnSite(std::span<const uint8_t> code);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_MALLOC_SITES_H_
