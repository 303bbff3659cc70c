// IdentifyProcess: finds the CPython inside a running process, whatever it is
// called and wherever it came from: a static python, libpython, a uWSGI plugin,
// an embedding program, in any mount namespace, also when its file was deleted
// or replaced since.
//
// Errors, as core::Inspector documents them: kNotFound "not Python" or the
// process is gone; kPermissionDenied; kUnimplemented a Python that we do not
// read, with the reason in words; and kUnavailable: Python in this process has
// not started yet, ask again.
//
// One thread at a time per cache.
#ifndef PLIMSOLL_AGENT_PYTHON_IDENTIFY_PROCESS_H_
#define PLIMSOLL_AGENT_PYTHON_IDENTIFY_PROCESS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/core/ports.h"
#include "agent/python/interpreter_binary.h"
#include "agent/python/process_files.h"

namespace plimsoll::python {

absl::StatusOr<core::PythonProcess> IdentifyProcess(
    int32_t pid, const ProcessFiles& files, const core::MemorySource& memory,
    BuildCache& cache);

// The same with the files below `proc_root`, which is "/proc" but in tests.
absl::StatusOr<core::PythonProcess> IdentifyProcess(
    int32_t pid, std::string_view proc_root, const core::MemorySource& memory,
    BuildCache& cache);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_IDENTIFY_PROCESS_H_
