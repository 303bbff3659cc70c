#include "agent/python/runtime_state.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/python/abseil_text.h"
#include "agent/python/allocator_tables.h"
#include "agent/python/debug_offsets.h"
#include "agent/python/python_version.h"
#include "agent/python/remote_values.h"
#include "agent/python/version_layouts.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::python {
namespace {

constexpr uint64_t kObType = 8;

absl::Status ProofFailed(std::string_view what) {
  return absl::UnimplementedError(
      absl::StrCat("layout not as expected: ", ToAbsl(what)));
}

// PyType_Type. An embedding program may hold its own copy (copy relocation);
// the library's points to that one then.
absl::StatusOr<uint64_t> FindTypeType(const core::MemorySource& memory,
                                      uint64_t address) {
  const auto type = ReadWord(memory, address + kObType);
  if (!type) return absl::UnavailableError("PyType_Type cannot be read");
  // Static builds fill ob_type in at start (PyType_Ready).
  if (*type == 0) return absl::UnavailableError("Python has not started yet");
  if (*type == address) return address;
  if (ReadWord(memory, *type + kObType) != *type) {
    return ProofFailed("PyType_Type is not its own type");
  }
  return *type;
}

absl::Status CheckType(const core::MemorySource& memory,
                       const core::ObjectLayout& layout, uint64_t type_type,
                       uint64_t address, std::string_view name,
                       int32_t basicsize) {
  if (address == 0) return absl::OkStatus();
  const auto ob_type = ReadWord(memory, address + kObType);
  if (ob_type == uint64_t{0}) {
    return absl::UnavailableError("Python has not started yet");
  }
  const auto name_address = ReadWord(memory, address + layout.tp_name);
  const auto read_name =
      name_address ? ReadCString(memory, *name_address) : std::nullopt;
  const auto size = ReadWord(memory, address + layout.tp_basicsize);
  if (ob_type != type_type || read_name != std::string(name)) {
    return ProofFailed(
        absl::StrCat("the type ", ToAbsl(name), " is not found at its symbol"));
  }
  if (!size || *size != static_cast<uint64_t>(basicsize)) {
    return ProofFailed(absl::StrCat("tp_basicsize of ", ToAbsl(name), " is ",
                                    size.value_or(0), ", expected ",
                                    basicsize));
  }
  return absl::OkStatus();
}

// Addresses of the process that the layouts refer to.
struct Roots {
  uint64_t runtime = 0;
  uint64_t interpreter = 0;
  uint64_t first_thread = 0;
};

absl::StatusOr<Roots> FindRoots(const core::MemorySource& memory,
                                const VersionLayout& v, uint64_t runtime) {
  Roots roots{.runtime = runtime};
  const auto interpreter =
      ReadWord(memory, runtime + v.runtime_interpreters_main);
  if (!interpreter) return absl::UnavailableError("_PyRuntime cannot be read");
  if (*interpreter == 0) {
    return absl::UnavailableError("Python has not started yet");
  }
  const auto thread =
      ReadWord(memory, *interpreter + v.interpreter_threads_head);
  if (!thread) return ProofFailed("no main interpreter in _PyRuntime");
  if (*thread == 0) {
    return absl::UnavailableError("Python has no thread state yet");
  }
  if (ReadWord(memory, *thread + v.tstate_interpreter) != *interpreter) {
    return ProofFailed(
        "the first thread state does not point back to its interpreter");
  }
  roots.interpreter = *interpreter;
  roots.first_thread = *thread;
  return roots;
}

// struct _gil_runtime_state {unsigned long interval; address last_holder; int
// locked; ...} of 3.12 to 3.15. The main interpreter's is inside it. The
// holder itself proves nothing: the state of a thread that ended is freed.
bool IsMainGil(const core::MemorySource& memory, uint64_t interpreter,
               uint64_t gil) {
  constexpr uint64_t kMostInterpreterBytes = 1 << 20;
  constexpr uint64_t kLocked = 16;
  constexpr uint64_t kMostIntervalUs = 1'000'000'000;
  if (gil < interpreter || gil - interpreter > kMostInterpreterBytes) {
    return false;
  }
  const auto interval_us = ReadWord(memory, gil);
  const auto locked = ReadValue<int32_t>(memory, gil + kLocked);
  return interval_us.value_or(0) > 0 && *interval_us < kMostIntervalUs &&
         locked && (*locked == 0 || *locked == 1);
}

// The word that holds the running thread's state.
absl::StatusOr<uint64_t> FindThreadStateWord(const core::MemorySource& memory,
                                             const VersionLayout& v,
                                             const Roots& roots) {
  if (v.runtime_tstate_current != core::kAbsent) {
    // The word itself is often NULL (no thread holds the GIL): its neighbour,
    // which is not, stands in for it.
    if (ReadWord(memory, roots.runtime + v.runtime_auto_interpreter) !=
        roots.interpreter) {
      return ProofFailed("gilstate does not name the main interpreter");
    }
    const uint64_t address = roots.runtime + v.runtime_tstate_current;
    const auto thread = ReadWord(memory, address);
    if (!thread) return absl::UnavailableError("_PyRuntime cannot be read");
    return address;
  }
  const auto gil = ReadWord(memory, roots.interpreter + v.interpreter_gil);
  if (!gil || !IsMainGil(memory, roots.interpreter, *gil)) {
    return ProofFailed("the main interpreter's GIL is not found in it");
  }
  return *gil + v.gil_last_holder;
}

// 3.12: the word in each thread's control block where pthread_getspecific()
// finds the state that the thread entered last. glibc's struct pthread has its
// first 32 keys, {seq, data}, at 784 on x86-64 (nptl/descr.h); proven on a
// thread of the main interpreter. kAbsent: not found, as where libc is another.
int32_t FindStateInThread(const core::MemorySource& memory,
                          const VersionLayout& v, const Roots& roots) {
  constexpr int32_t kFirstKeys = 784;
  constexpr int32_t kKeys = 32;
  constexpr int kMostThreads = 64;
  if (v.runtime_tss_key == core::kAbsent) return core::kAbsent;
  const auto key =
      ReadValue<int32_t>(memory, roots.runtime + v.runtime_tss_key + 4);
  if (!key || *key < 0 || *key >= kKeys) return core::kAbsent;
  const int32_t offset = kFirstKeys + 16 * *key + 8;
  uint64_t state = roots.first_thread;
  for (int i = 0; i < kMostThreads && state != 0; ++i) {
    const auto thread = ReadWord(memory, state + v.frames.tstate_thread_id);
    if (thread && *thread != 0 && ReadWord(memory, *thread + offset) == state) {
      return offset;
    }
    state = ReadWord(memory, state + v.tstate_next).value_or(0);
  }
  return core::kAbsent;
}

// From 3.12 on: other interpreters may have a GIL of their own. Where theirs
// are found, and how a thread's state in one of them is told from its others.
absl::Status SetOtherInterpreters(const core::MemorySource& memory,
                                  const VersionLayout& v, const Roots& roots,
                                  core::FrameLayout& frames) {
  if (v.interpreter_next == core::kAbsent) return absl::OkStatus();
  // Newest first, and the main one is the oldest.
  if (ReadWord(memory, roots.interpreter + v.interpreter_next) != uint64_t{0}) {
    return ProofFailed("the main interpreter is not the last of all");
  }
  // Bit fields: initialized is 1 as long as a state is in the list, unbound is
  // not. The first of the list changes while we look; try a few times.
  constexpr uint32_t kInitialized = 1;
  constexpr uint32_t kUnbound = 4;
  constexpr uint32_t kFields = 0xffff;
  const auto is_status = [&] {
    const auto thread =
        ReadWord(memory, roots.interpreter + v.interpreter_threads_head);
    const auto status =
        ReadValue<uint32_t>(memory, thread.value_or(0) + frames.tstate_status);
    return status && (*status & ~kFields) == 0 &&
           (*status & (kInitialized | kUnbound)) == kInitialized;
  };
  bool proven = false;
  for (int attempt = 0; attempt < 50 && !proven; ++attempt) {
    proven = is_status();
  }
  if (!proven) {
    return ProofFailed("the status of the first thread state is not found");
  }
  frames.thread_state_in_thread = FindStateInThread(memory, v, roots);
  if (v.runtime_tss_key != core::kAbsent &&
      frames.thread_state_in_thread == core::kAbsent) {
    return absl::OkStatus();  // the main interpreter's alone
  }
  // interpreters is {mutex, head, main, ...}.
  frames.interpreters_address =
      roots.runtime + v.runtime_interpreters_main - sizeof(uint64_t);
  frames.main_interpreter = roots.interpreter;
  frames.interpreter_next = v.interpreter_next;
  frames.interpreter_gil = v.interpreter_gil;
  frames.gil_last_holder = v.gil_last_holder;
  return absl::OkStatus();
}

// A ring of GC heads: head.next.prev leads back to head, or head.prev.next
// does. While it collects, for seconds on a large heap, one of them need not:
// first the nodes' prev holds reference counts, then head.prev waits to be set
// anew.
bool IsRing(const core::MemorySource& memory, uint64_t head) {
  constexpr uint64_t kPointerBits = ~uint64_t{3};  // low bits hold flags
  const auto next = ReadWord(memory, head);
  const auto last = ReadWord(memory, head + 8);
  if (!next || !last) return false;
  const auto leads_back = [&](uint64_t address) {
    const auto word = ReadWord(memory, address);
    return word && (*word & kPointerBits) == head;
  };
  return leads_back((*next & kPointerBits) + 8) ||
         leads_back(*last & kPointerBits);
}

// That the collector's three lists are rings. OK, or which is none.
absl::Status CheckGenerations(const core::MemorySource& memory,
                              uint64_t generations, int32_t stride) {
  // The youngest list changes while we look; try a few times.
  for (int generation = 0; generation < 3; ++generation) {
    const uint64_t head =
        generations + static_cast<uint64_t>(generation * stride);
    bool ring = false;
    for (int attempt = 0; attempt < 50 && !ring; ++attempt) {
      ring = IsRing(memory, head);
    }
    if (!ring) {
      return ProofFailed(absl::StrCat("the collector's generation ", generation,
                                      " is not a ring"));
    }
  }
  return absl::OkStatus();
}

void SetGcState(const core::MemorySource& memory, const VersionLayout& v,
                const Roots& roots, const core::PythonVersion& version,
                core::GcLayout& gc) {
  gc = v.gc;
  gc.refusal = CollectorRefusal(version);
  if (!gc.refusal.empty()) return;
  const uint64_t address = v.runtime_gc != core::kAbsent
                               ? roots.runtime + v.runtime_gc
                               : roots.interpreter + v.interpreter_gc;
  absl::Status proof =
      CheckGenerations(memory, address + gc.generations, gc.generation_stride);
  if (!proof.ok() && v.gc_generations_packed != core::kAbsent &&
      CheckGenerations(memory, address + v.gc_generations_packed,
                       gc.generation_stride)
          .ok()) {
    gc.generations = v.gc_generations_packed;
    proof = absl::OkStatus();
  }
  if (proof.ok()) {
    gc.state_address = address;
    gc.interpreter_address = roots.interpreter;
    gc.tstate_interpreter = v.tstate_interpreter;
  } else {
    gc.refusal = std::string(proof.message());
  }
}

KnownAllocators KnownIn(const InterpreterBinary& binary, uint64_t bias) {
  KnownAllocators known;
  if (binary.object_malloc != 0) {
    known.object_malloc = bias + binary.object_malloc;
  }
  for (const ElfSegment& s : binary.segments) {
    if (!s.executable) continue;
    known.code_begin = bias + s.address;
    known.code_end = known.code_begin + s.memory_bytes;
  }
  return known;
}

AllocatorTables TablesInProcess(const InterpreterBinary& binary, uint64_t bias,
                                const VersionLayout& v, uint64_t runtime) {
  if (v.runtime_allocators != core::kAbsent) {
    const uint64_t raw = runtime + v.runtime_allocators;
    // Where the code of PyObject_Malloc tells too, it must tell the same.
    if (binary.object_allocator != 0 &&
        bias + binary.object_allocator != raw + kObjectTable) {
      return {};
    }
    return {.object = raw + kObjectTable, .raw = raw};
  }
  if (binary.object_allocator == 0 || binary.raw_allocator == 0) return {};
  return {.object = bias + binary.object_allocator,
          .raw = bias + binary.raw_allocator};
}

absl::Status CheckTypes(const InterpreterBinary& binary, uint64_t bias,
                        const VersionLayout& v, uint64_t type_type,
                        const core::MemorySource& memory) {
  const auto at = [bias](uint64_t linked) {
    return linked == 0 ? 0 : bias + linked;
  };
  PLIMSOLL_RETURN_IF_ERROR(CheckType(memory, v.objects, type_type, type_type,
                                     "type", v.type_basicsize));
  PLIMSOLL_RETURN_IF_ERROR(CheckType(memory, v.objects, type_type,
                                     at(binary.code_type), "code",
                                     v.code_basicsize));
  PLIMSOLL_RETURN_IF_ERROR(CheckType(memory, v.objects, type_type,
                                     at(binary.unicode_type), "str",
                                     v.unicode_basicsize));
  return CheckType(memory, v.objects, type_type, at(binary.dict_type), "dict",
                   v.dict_basicsize);
}

}  // namespace

absl::StatusOr<core::PythonProcess> ResolveRuntime(
    const InterpreterBinary& binary, uint64_t bias,
    const core::MemorySource& memory) {
  const core::PythonVersion& version = binary.build.version;
  VersionLayout v = LayoutOfMinor(version.minor);
  core::PythonProcess process;
  process.build = binary.build;
  process.runtime_address = bias + binary.runtime;
  if (version.minor >= 13) {
    PLIMSOLL_RETURN_IF_ERROR(
        ApplyDebugOffsets(memory, process.runtime_address, version, v));
  }
  PLIMSOLL_ASSIGN_OR_RETURN(process.type_type_address,
                            FindTypeType(memory, bias + binary.type_type));
  PLIMSOLL_RETURN_IF_ERROR(
      CheckTypes(binary, bias, v, process.type_type_address, memory));
  PLIMSOLL_ASSIGN_OR_RETURN(const Roots roots,
                            FindRoots(memory, v, process.runtime_address));

  process.objects = v.objects;
  process.code = v.code;
  if (binary.code_type != 0) {
    process.code.code_type_address = bias + binary.code_type;
  }
  process.frames = v.frames;
  // Stacks and collector state are extras: without them the census still works.
  auto word = FindThreadStateWord(memory, v, roots);
  if (const absl::Status others =
          SetOtherInterpreters(memory, v, roots, process.frames);
      word.ok() && !others.ok()) {
    word = others;
  }
  if (word.ok()) {
    process.frames.thread_state_address = *word;
  } else {
    process.build.probe_refusal = std::string(word.status().message());
  }
  SetGcState(memory, v, roots, version, process.gc);
  process.allocator = ReadAllocator(
      memory, TablesInProcess(binary, bias, v, process.runtime_address),
      KnownIn(binary, bias));
  return process;
}

}  // namespace plimsoll::python
