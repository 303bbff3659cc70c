// Finds the live state of one interpreter in its process, and proves each
// layout on what it finds before it is used.
//
// Proofs: PyType_Type is its own type and is named "type"; tp_basicsize of
// type, code, str and dict are this minor's; the main interpreter's first
// thread state points back to it; the word next to tstate_current names the
// main interpreter (3.7-3.11); the GIL is inside the main interpreter and looks
// like one, the main interpreter is the last of the list, and the status of a
// thread state reads as one in use (3.12+); the collector's three lists are
// closed rings.
//
// Errors: kUnavailable Python has not started or is ending (ask again);
// kUnimplemented a proof failed, naming it. Any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_RUNTIME_STATE_H_
#define PLIMSOLL_AGENT_PYTHON_RUNTIME_STATE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "agent/core/ports.h"
#include "agent/python/interpreter_binary.h"

namespace plimsoll::python {

// Everything of a PythonProcess but pid, open_path and build's device, inode.
absl::StatusOr<core::PythonProcess> ResolveRuntime(
    const InterpreterBinary& binary, uint64_t bias,
    const core::MemorySource& memory);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_RUNTIME_STATE_H_
