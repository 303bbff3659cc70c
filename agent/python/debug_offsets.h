// _Py_DebugOffsets: from 3.13 on, the first bytes of _PyRuntime say where
// things are in this very build. Source: Include/internal/pycore_runtime.h of
// 3.13, pycore_debug_offsets.h of 3.14 and 3.15. Any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_DEBUG_OFFSETS_H_
#define PLIMSOLL_AGENT_PYTHON_DEBUG_OFFSETS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "agent/core/ports.h"
#include "agent/python/version_layouts.h"

namespace plimsoll::python {

// Overrides `layout` by what the process publishes at `runtime_address`, for a
// interpreter of version `expected`, 3.13 or later. kUnimplemented, in words,
// when the cookie or the version is another or the build is free-threaded;
// kUnavailable when the memory cannot be read.
absl::Status ApplyDebugOffsets(const core::MemorySource& memory,
                               uint64_t runtime_address,
                               const core::PythonVersion& expected,
                               VersionLayout& layout);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_DEBUG_OFFSETS_H_
