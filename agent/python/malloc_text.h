// Where the code of glibc's malloc lies in a process: an instruction that
// writes to a chunk from there makes it, takes it back, or moves what is free;
// one from elsewhere uses it.
//
// In a stripped libc only the entries have names (malloc, free, calloc,
// realloc, memalign). What they call nearby is of the same source file
// (malloc/malloc.c is one object): found as FindCollector and the others of
// internal_functions.h are, by .eh_frame bounds and the calls in the code.
//
// Foreign bytes; any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_MALLOC_TEXT_H_
#define PLIMSOLL_AGENT_PYTHON_MALLOC_TEXT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "agent/python/elf_file.h"
#include "agent/python/function_table.h"
#include "agent/python/process_files.h"

namespace plimsoll::python {

// As linked. kUnimplemented with what is missing.
absl::StatusOr<FunctionBounds> FindMallocText(const ElfFile& libc);

// In the process, at run-time addresses; of the libc that it has mapped.
absl::StatusOr<FunctionBounds> FindMallocTextOf(const ProcessFiles& files);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_MALLOC_TEXT_H_
