// InternalFunctions: where a build's functions are that it does not export, in
// stripped files too. Each is found by two independent ways that must agree,
// and a symbol or a USDT probe, where the file has one, must not contradict:
//
//   the collector  (gc_collect_main; collect up to 3.9)
//       its code alone mentions the messages "gc: collecting generation %d"
//       and "gc: done" (gc.set_debug(gc.DEBUG_STATS));
//       PyGC_Collect, which is exported, calls it over at most two others
//   a pool's start  (allocate_from_new_pool, from 3.9)
//       its code alone stores DUMMY_SIZE_IDX, 0xffff, into pool_header.szidx,
//       and something into maxnextoffset (struct pool_header of obmalloc.c);
//       the object allocator calls it: that of the allocator table as the file
//       initialises it, or the exported PyObject_Malloc
//
// A refusal says in words which way failed. Pure but for reads of the file.
#ifndef PLIMSOLL_AGENT_PYTHON_INTERNAL_FUNCTIONS_H_
#define PLIMSOLL_AGENT_PYTHON_INTERNAL_FUNCTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/python_layout.h"
#include "agent/python/code_index.h"
#include "agent/python/elf_file.h"

namespace plimsoll::python {

struct InternalFunction {
  FunctionBounds bounds;
  // What was found to agree: "messages, calls, usdt".
  std::string evidence;
  // The collector's: which argument is the generation; -1: not certain.
  int generation_argument = -1;
};

// The collector and the clones that the compiler made of it: each collection
// passes one of them. kUnimplemented with the reason.
absl::StatusOr<std::vector<InternalFunction>> FindCollector(
    const ElfFile& elf, const CodeIndex& code,
    const core::PythonVersion& version);

// `object_malloc` is the function that the object domain's table starts with,
// as linked; 0: not known.
absl::StatusOr<InternalFunction> FindNewPool(const ElfFile& elf,
                                             const CodeIndex& code,
                                             const core::PythonVersion& version,
                                             uint64_t object_malloc);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_INTERNAL_FUNCTIONS_H_
