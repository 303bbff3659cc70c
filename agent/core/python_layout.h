// Where things are inside one CPython build: pure values. agent/python fills
// them per build, agent/heap and agent/bpf read by them. Offsets are bytes from
// the start of the struct named; kAbsent where a version has no such field.
// Sources: CPython headers of each minor (Include/cpython, Include/internal);
// from 3.13 on _Py_DebugOffsets in the process itself.
#ifndef PLIMSOLL_AGENT_CORE_PYTHON_LAYOUT_H_
#define PLIMSOLL_AGENT_CORE_PYTHON_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/python_probe.h"

namespace plimsoll::core {

inline constexpr int32_t kAbsent = -1;

struct PythonVersion {
  int major = 0;
  int minor = 0;
  int micro = 0;
  friend auto operator<=>(const PythonVersion&, const PythonVersion&) = default;
};

// How the objects of a heap are laid out.
struct ObjectLayout {
  uint32_t pool_bytes = 0;      // 4096 up to 3.9, 16384 from 3.10
  uint32_t arena_bytes = 0;     // 256 KiB up to 3.9, 1 MiB from 3.10
  uint32_t gc_head_bytes = 16;  // 3.7: 32 (24 aligned)
  // Candidates for the distance from a block to its object, most likely first:
  // 0 (no GC), gc_head, gc_head + pre-header.
  std::vector<uint32_t> object_offsets;
  // PyTypeObject.
  int32_t tp_name = 24;
  int32_t tp_basicsize = 32;
  int32_t tp_itemsize = 40;
  int32_t tp_flags = 168;
  int32_t tp_dict = 264;
  // PyHeapTypeObject.
  int32_t ht_qualname = kAbsent;
  // PyASCIIObject.
  int32_t unicode_length = 16;
  int32_t unicode_state = 32;
  int32_t unicode_ascii_data = 48;  // 40 from 3.12
  // PyDictObject and PyDictKeysObject.
  int32_t dict_ma_keys = 32;
  int32_t dict_ma_values = 40;  // not NULL: a split table
  bool dict_keys_log2 = false;  // 3.11: sizes are log2 bytes, split kinds
  // Up to 3.10: dk_size, Py_ssize_t. From 3.11: dk_log2_size, uint8_t.
  int32_t dict_keys_size = 8;
  // From 3.11, uint8_t: log2 of the bytes of dk_indices.
  int32_t dict_keys_index_bytes_log2 = kAbsent;
  // From 3.11, uint8_t: 0 general (entries {hash, key, value}), 1 all str and
  // 2 split (entries {key, value}).
  int32_t dict_keys_kind = kAbsent;
  int32_t dict_keys_nentries = 32;
  int32_t dict_keys_indices = 40;  // then the entries
};

// How Python's stacks are walked. See bpf/pyframes.bpf.h for the walk.
struct FrameLayout {
  // The word that holds the current thread state of the main interpreter:
  // 3.7-3.11 _PyRuntime.gilstate.tstate_current; from 3.12 last_holder of the
  // interpreter's GIL, which is the running thread's state while it holds it.
  uint64_t thread_state_address = 0;
  // From 3.12, where other interpreters may have a GIL of their own:
  // _PyRuntime.interpreters.head, the newest, and the main one, the list's
  // last. 0 before.
  uint64_t interpreters_address = 0;
  uint64_t main_interpreter = 0;
  int32_t interpreter_next = kAbsent;
  int32_t interpreter_gil = kAbsent;  // pointer
  int32_t gil_last_holder = kAbsent;
  // Bit fields; bound_gilstate is that of the state which its thread entered
  // last, of several that it has in as many interpreters.
  int32_t tstate_status = kAbsent;
  // 3.12, where a thread may run in a state that another thread made: from a
  // thread's fsbase to the word that leads to the state it entered last.
  int32_t thread_state_in_thread = kAbsent;
  int32_t tstate_thread_id = kAbsent;  // == pthread_self() == fsbase (glibc)
  int32_t tstate_frame = kAbsent;      // frame, current_frame or cframe
  int32_t cframe_current_frame = kAbsent;  // 3.11, 3.12: one hop more
  // 3.10 to 3.12: cframe, a variable of the loop that runs Python code, so that
  // it stands on the stack of the thread that runs in this state.
  int32_t tstate_c_frame = kAbsent;
  int32_t frame_code = kAbsent;
  int32_t frame_previous = kAbsent;
  int32_t frame_instruction = kAbsent;  // prev_instr, instr_ptr or f_lasti
  bool instruction_is_lasti = false;    // up to 3.10: an int index
  int32_t frame_owner = kAbsent;        // 3.12+: char
  int32_t owner_c_stack = kAbsent;      // value of a shim frame to skip
  // 3.13: the shim below the frames that one loop runs is a variable of it.
  bool shim_on_stack = false;
  uint64_t code_tag_mask = ~uint64_t{0};  // 3.14: strip _PyStackRef tag bits
};

// PyCodeObject.
struct CodeLayout {
  int32_t filename = kAbsent;
  int32_t name = kAbsent;
  int32_t qualname = kAbsent;   // 3.11+
  int32_t linetable = kAbsent;  // co_lnotab up to 3.9
  int32_t firstlineno = kAbsent;
  int32_t code_adaptive = kAbsent;  // 3.11+: start of the instructions
  enum class LineTable {
    kLnotab,
    kPep626,
    kPep657
  } line_table = LineTable::kPep657;
  // PyCode_Type: what ob_type of a code object must be. 0: not known.
  uint64_t code_type_address = 0;
};

// gc state of the main interpreter.
struct GcLayout {
  uint64_t state_address = 0;     // struct _gc_runtime_state
  int32_t enabled = kAbsent;      // int
  int32_t generations = kAbsent;  // gc_generation[3], then permanent
  int32_t generation_stride = kAbsent;
  int32_t permanent_generation = kAbsent;
  int32_t generation_stats = kAbsent;  // 3 x {collections, collected,
                                       //      uncollectable}, Py_ssize_t
  // 3.15: pointer to struct gc_stats, rings of the last 11, 3 and 3
  // collections; generation_stats is absent.
  int32_t generation_stats_rings = kAbsent;
  // Whose state that is: the main interpreter, which a thread state names at
  // this offset.
  uint64_t interpreter_address = 0;
  int32_t tstate_interpreter = kAbsent;
  // Why the state is not read; empty when it is.
  std::string refusal;
};

// One interpreter binary, cached per build.
struct PythonBuild {
  PythonVersion version;
  std::string implementation = "cpython";
  std::string build_id;     // hex; "" when the file has none
  std::string object_path;  // as the target sees it
  uint64_t device = 0;
  uint64_t inode = 0;
  bool shared_library = false;
  bool stripped = false;  // no .symtab
  bool free_threaded = false;
  std::vector<ProbePoint> probes;
  // Why probes of tiers 1 and 4 are not offered; empty when they are.
  std::string probe_refusal;
  // Why there is none of kGcStart, kGcDone or kGcCollect; empty when there are.
  std::string gc_probe_refusal;
  // Why there is no kNewPool; empty when there is.
  std::string new_pool_refusal;
};

// One process that runs it: addresses are absolute in that process.
struct PythonProcess {
  int32_t pid = 0;
  // Of the process when it was identified, so that its pid's next owner is
  // not read by these addresses. 0: not known, not checked.
  uint64_t start_ticks = 0;
  PythonBuild build;
  ObjectLayout objects;
  FrameLayout frames;
  CodeLayout code;
  GcLayout gc;
  uint64_t runtime_address = 0;    // _PyRuntime
  uint64_t type_type_address = 0;  // PyType_Type
  // Of objects, from the live allocator tables: "pymalloc", "malloc", each of
  // them "..._debug" under the debug hooks, "mimalloc", "other" (a function of
  // none of them) or "unknown" (the tables are not found).
  std::string allocator;
  // The malloc of the process, by the libraries it maps: "glibc", "jemalloc",
  // "tcmalloc", "mimalloc", "musl" or "unknown".
  std::string native_allocator;
  // Why the heap is not read (tiers 2, 3 and what needs them); empty when it
  // is.
  std::string heap_refusal;
  // A path that opens the interpreter's file from here, whatever the target's
  // mount namespace and even when the file was replaced:
  // /proc/PID/map_files/START-END, else /proc/PID/root/PATH.
  std::string open_path;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_PYTHON_LAYOUT_H_
