// Which allocator Python objects live in: pymalloc, plain malloc, or either
// under the debug hooks, which pad every block.
//
// Each domain has a table PyMemAllocatorEx {ctx, malloc, calloc, realloc,
// free} (Include/cpython/pymem.h). Up to 3.11 the tables are static variables
// of obmalloc.c: found by symbol, else by the two adjacent words that
// PyObject_Malloc and PyMem_RawMalloc load. From 3.12 they are in _PyRuntime.
//
// Any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_ALLOCATOR_TABLES_H_
#define PLIMSOLL_AGENT_PYTHON_ALLOCATOR_TABLES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/core/ports.h"
#include "agent/python/elf_file.h"

namespace plimsoll::python {

struct AllocatorTables {
  uint64_t object = 0;  // as linked, or absolute, as the context says; 0: none
  uint64_t raw = 0;
};

AllocatorTables FindAllocatorTables(const ElfFile& elf);

// The table that a trampoline such as PyObject_Malloc calls through: the lower
// of two adjacent 8-byte words loaded relative to the program counter.
// `address` is that of code[0].
std::optional<uint64_t> FindTableInCode(std::span<const uint8_t> code,
                                        uint64_t address);

// What the tables may point to, absolute.
struct KnownAllocators {
  // The malloc of the object domain as the file initialises it: pymalloc's;
  // 0: not known.
  uint64_t object_malloc = 0;
  uint64_t code_begin = 0;  // the interpreter's own code
  uint64_t code_end = 0;
};

// PythonProcess::allocator, from the tables in the process (absolute
// addresses).
std::string ReadAllocator(const core::MemorySource& memory,
                          const AllocatorTables& tables,
                          const KnownAllocators& known);

// PythonProcess::heap_refusal, for an allocator and the malloc below it.
std::string HeapRefusal(std::string_view allocator, std::string_view native);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_ALLOCATOR_TABLES_H_
