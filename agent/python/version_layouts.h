// Where things are in each CPython minor, 3.7 to 3.15, x86-64 Linux, GIL build.
//
// Source: offsetof() compiled against the headers of 3.7.16, 3.8.18, 3.9.18,
// 3.10.13, 3.11.7, 3.12.1, 3.13.0, 3.14.10 and 3.15.2 (Include/,
// Include/cpython/, Include/internal/ with Py_BUILD_CORE). Layouts are frozen
// within a released minor, but not by promise and not always
// (gc_generations_packed), so each is proven on the process it is used for: the
// interpreter's own tp_basicsize of four types (kTypeSizes), and the round
// trips in runtime_state.h. From 3.13 on _Py_DebugOffsets overrides.
//
// Constants; any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_VERSION_LAYOUTS_H_
#define PLIMSOLL_AGENT_PYTHON_VERSION_LAYOUTS_H_

#include <cstdint>
#include <string>

#include "agent/core/python_layout.h"

namespace plimsoll::python {

inline constexpr int kOldestMinor = 7;
inline constexpr int kNewestMinor = 15;

// _PyRuntime.allocators.standard is {raw, mem, obj}, tables of 40 bytes.
inline constexpr uint64_t kObjectTable = 80;

struct VersionLayout {
  core::ObjectLayout objects;
  core::FrameLayout frames;  // without thread_state_address
  core::CodeLayout code;     // without code_type_address
  core::GcLayout gc;         // without state_address

  // _PyRuntimeState.
  int32_t runtime_interpreters_main = core::kAbsent;
  int32_t runtime_tstate_current = core::kAbsent;  // up to 3.11
  // gilstate.autoInterpreterState, a neighbour that proves the one above.
  int32_t runtime_auto_interpreter = core::kAbsent;
  int32_t runtime_gc = core::kAbsent;          // 3.7, 3.8
  int32_t runtime_allocators = core::kAbsent;  // 3.12+: raw, mem, obj tables
  // autoTSSkey, {int is_initialized; pthread_key_t}, where it is needed: 3.12.
  int32_t runtime_tss_key = core::kAbsent;
  // PyInterpreterState.
  int32_t interpreter_threads_head = core::kAbsent;
  int32_t interpreter_next = core::kAbsent;  // 3.12+, from 3.13 as published
  int32_t interpreter_gc = core::kAbsent;    // 3.9+
  // Where gc.generations is instead, in some micro releases: those of 3.13
  // since PyGC_Head is declared aligned to 4 bytes (seen in 3.13.5, 3.13.18).
  int32_t gc_generations_packed = core::kAbsent;
  int32_t interpreter_gil = core::kAbsent;  // 3.12+: pointer
  int32_t gil_last_holder = core::kAbsent;
  // PyThreadState.
  int32_t tstate_interpreter = 16;
  int32_t tstate_next = 8;

  // tp_basicsize of PyType_Type, PyCode_Type, PyUnicode_Type, PyDict_Type.
  int32_t type_basicsize = 0;
  int32_t code_basicsize = 0;
  int32_t unicode_basicsize = 0;
  int32_t dict_basicsize = 48;
};

// `minor` must be within [kOldestMinor, kNewestMinor].
VersionLayout LayoutOfMinor(int minor);

// Why the collector of a version is not read, nor probed; empty when it is.
std::string CollectorRefusal(const core::PythonVersion& version);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_VERSION_LAYOUTS_H_
