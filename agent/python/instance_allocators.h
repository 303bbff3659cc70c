// InstanceAllocators: the functions that make the objects of classes, where the
// compiler has taken PyType_GenericAlloc apart. With PGO and LTO it is copied
// to where classes are called, or cloned for the callers that pass no count of
// items, and the exported one then sees none of the instances. What all copies
// call, _PyType_AllocNoTrack (from 3.11) or a clone of it, is found in a
// stripped file by two ways that must agree:
//
//   calls  code that compares a type's tp_alloc with PyType_GenericAlloc calls
//          it next; or PyType_GenericAlloc itself, with its own arguments,
//          before anything else; either straight or through one function more
//   shape  it reads what the size of an instance is made of from its first
//          argument: tp_basicsize, tp_itemsize and tp_flags
//
// and a symbol, where the file has them, must not contradict.
//
// Pure but for reads of the file.
#ifndef PLIMSOLL_AGENT_PYTHON_INSTANCE_ALLOCATORS_H_
#define PLIMSOLL_AGENT_PYTHON_INSTANCE_ALLOCATORS_H_

#include <vector>

#include "agent/python/code_index.h"
#include "agent/python/elf_file.h"

namespace plimsoll::python {

struct InstanceAllocator {
  FunctionBounds bounds;
  // Whether its second argument is a count of items; else there are none.
  bool takes_items = true;
};

struct InstanceAllocators {
  // By address; none of them calls another.
  std::vector<InstanceAllocator> found;
  // Whether PyType_GenericAlloc makes objects without calling one of these.
  bool exported_allocates = true;
};

InstanceAllocators FindInstanceAllocators(const ElfFile& elf,
                                          const CodeIndex& code);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_INSTANCE_ALLOCATORS_H_
