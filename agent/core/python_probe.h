// Where one CPython build is probed: pure values, part of python_layout.h.
#ifndef PLIMSOLL_AGENT_CORE_PYTHON_PROBE_H_
#define PLIMSOLL_AGENT_CORE_PYTHON_PROBE_H_

#include <cstdint>
#include <string>

namespace plimsoll::core {

// The kinds of instruction under a uprobe: what decides its cost.
enum class ProbeCost : uint8_t {
  kEmulated,       // push, nop, jmp, call: the kernel emulates it
  kSingleStepped,  // all else: stepped out of line, 2x on metal, 35x in a VM
};

enum class ProbeKind : uint8_t {
  kObjectMalloc = 1,  // PyObject_Malloc(size)
  kObjectFree = 2,    // PyObject_Free(ptr)
  // PyType_GenericAlloc(type, nitems), and what its copies and clones call
  // where the compiler took it apart (_PyType_AllocNoTrack): one point each,
  // all of them to be probed; an instance passes one.
  kTypeGenericAlloc = 3,
  kGcNew = 4,      // _PyObject_GC_New(type)
  kGcNewVar = 5,   // _PyObject_GC_NewVar(type, nitems)
  kObjectNew = 6,  // _PyObject_New(type)
  // gc_collect_main(tstate, generation, ...): argument_register is that of the
  // generation; -1 when the compiler changed the function's parameters. The
  // compiler may have made clones: one point each, all of them to be probed.
  kGcCollect = 7,
  kObjectRealloc = 8,  // PyObject_Realloc(ptr, size)
  kObjectCalloc = 9,   // PyObject_Calloc(n, size)
  kGcStart = 10,       // USDT gc__start(generation)
  kGcDone = 11,        // USDT gc__done(collected)
  // allocate_from_new_pool: pymalloc takes a pool for a size class, a fresh one
  // or one that was empty. Every inlined copy of the allocator passes it.
  kNewPool = 12,
};

// One place to probe. The address may lie a few bytes into the function, at
// the first instruction that the kernel emulates, provided that no argument
// register is overwritten before it and no jump target lies between.
struct ProbePoint {
  ProbeKind kind = ProbeKind::kObjectMalloc;
  std::string symbol;        // for people
  uint64_t file_offset = 0;  // in PythonBuild.object_path
  ProbeCost cost = ProbeCost::kSingleStepped;
  uint64_t semaphore_offset = 0;  // USDT reference counter; 0: none
  // Which argument register holds the first argument here: the System V order
  // unless a USDT note says otherwise. -1: not in a register.
  int argument_register = 0;  // index into {di, si, dx, cx, r8, r9, ax, bx,
                              // bp, r10, r11, r12, r13, r14, r15, sp}
  // A USDT argument in memory: argument_register is -1 and the value is at
  // [argument_base_register + argument_displacement]. -1: not so.
  int argument_base_register = -1;  // the same indices
  int32_t argument_displacement = 0;
  // Bytes of the argument, negative when signed: 4 means the low half of the
  // register or a 4-byte load.
  int argument_bytes = 8;
  // Of a typed allocator: the second argument is no count of items; there are
  // none.
  bool no_items = false;
  uint64_t entry_offset = 0;  // file offset of the function's first byte
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_PYTHON_PROBE_H_
