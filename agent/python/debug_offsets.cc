#include "agent/python/debug_offsets.h"

#include <array>
#include <cstring>
#include <span>

#include "absl/strings/str_cat.h"
#include "agent/python/python_version.h"
#include "agent/python/remote_values.h"

namespace plimsoll::python {
namespace {

// struct _Py_DebugOffsets is a table of words, in groups: cookie, version and
// free_threaded, then one group for each struct. From minor to minor fields are
// put into the middle. Where each group starts, in words, and where a field
// that moved is in its group.
struct Positions {
  int runtime = 3;
  int interpreter = 6;
  int gc_of_interpreter = 4;  // threads_main goes before it in 3.14
  int thread = 0;
  int thread_id = 5;  // base_frame and two more go before it in 3.15
  int frame = 0;
  int code = 0;
  int type = 0;
  int dict = 0;
  int unicode = 0;
  int words = 0;  // in all
};

// Sizes of the groups, measured on the headers of 3.13.0, 3.14.10 and 3.15.2.
constexpr Positions PositionsOf(int minor) {
  Positions p;
  const bool from_14 = minor >= 14;
  const bool from_15 = minor >= 15;
  p.gc_of_interpreter = from_14 ? 5 : 4;
  p.thread = p.interpreter + (from_14 ? 16 : 13);
  p.thread_id = from_15 ? 8 : 5;
  // 3.15 has one word, err_stackitem, after the thread's.
  p.frame = p.thread + (from_15 ? 17 : 9);
  p.code = p.frame + (from_14 ? 8 : 6);
  const int object = p.code + (from_14 ? 11 : 10);
  p.type = object + 2;
  // heap_type has two words in 3.15; tuple and list have three each.
  const int tuple = p.type + (from_15 ? 8 : 4);
  p.dict = tuple + 6 + (from_14 ? 4 : 0);  // set_object
  // dict 3, float 2, long 3, bytes 3.
  p.unicode = p.dict + 11;
  const int gc = p.unicode + (from_15 ? 5 : 4);
  // gc, then gen_object 4, llist_node 2, debugger_support 6.
  p.words = gc + (from_15 ? 5 : 2) + (from_14 ? 12 : 0);
  return p;
}
static_assert(PositionsOf(13).words * 8 == 584);
static_assert(PositionsOf(14).words * 8 == 760);
static_assert(PositionsOf(15).words * 8 == 888);

constexpr size_t kMostWords = PositionsOf(15).words;
using Words = std::array<uint64_t, kMostWords>;

// An offset within any struct of a runtime.
bool InRange(uint64_t offset) { return offset < 1 << 20; }

// Copies offsets one by one; remembers whether any was out of range.
class Setter {
 public:
  void Set(int32_t& field, uint64_t offset) {
    if (!InRange(offset)) ok_ = false;
    field = static_cast<int32_t>(offset & 0x7fffffff);
  }
  bool ok() const { return ok_; }

 private:
  bool ok_ = true;
};

bool Apply(const Words& w, const Positions& p, VersionLayout& v) {
  Setter s;
  // interpreters is {mutex, head, main, ...}: main follows head.
  s.Set(v.runtime_interpreters_main, w[p.runtime + 2] + 8);
  s.Set(v.interpreter_next, w[p.interpreter + 2]);
  s.Set(v.interpreter_threads_head, w[p.interpreter + 3]);
  // gc, imports_modules, sysdict, builtins, ceval_gil, gil_runtime_state,
  // its enabled, locked, holder.
  const int gc = p.interpreter + p.gc_of_interpreter;
  s.Set(v.interpreter_gc, w[gc]);
  s.Set(v.interpreter_gil, w[gc + 4]);
  // Both are offsets in the interpreter; the difference is the field's.
  s.Set(v.gil_last_holder, w[gc + 8] - w[gc + 5]);
  s.Set(v.tstate_next, w[p.thread + 2]);
  s.Set(v.tstate_interpreter, w[p.thread + 3]);
  s.Set(v.frames.tstate_frame, w[p.thread + 4]);
  s.Set(v.frames.tstate_thread_id, w[p.thread + p.thread_id]);
  // thread_id, native_thread_id, datastack_chunk, status.
  s.Set(v.frames.tstate_status, w[p.thread + p.thread_id + 3]);
  s.Set(v.frames.frame_previous, w[p.frame + 1]);
  s.Set(v.frames.frame_code, w[p.frame + 2]);
  s.Set(v.frames.frame_instruction, w[p.frame + 3]);
  s.Set(v.frames.frame_owner, w[p.frame + 5]);
  s.Set(v.code.filename, w[p.code + 1]);
  s.Set(v.code.name, w[p.code + 2]);
  s.Set(v.code.qualname, w[p.code + 3]);
  s.Set(v.code.linetable, w[p.code + 4]);
  s.Set(v.code.firstlineno, w[p.code + 5]);
  s.Set(v.code.code_adaptive, w[p.code + 9]);
  s.Set(v.objects.tp_name, w[p.type + 1]);
  s.Set(v.objects.tp_flags, w[p.type + 3]);
  s.Set(v.objects.dict_ma_keys, w[p.dict + 1]);
  s.Set(v.objects.dict_ma_values, w[p.dict + 2]);
  s.Set(v.objects.unicode_state, w[p.unicode + 1]);
  s.Set(v.objects.unicode_length, w[p.unicode + 2]);
  s.Set(v.objects.unicode_ascii_data, w[p.unicode + 3]);
  return s.ok();
}

}  // namespace

absl::Status ApplyDebugOffsets(const core::MemorySource& memory,
                               uint64_t runtime_address,
                               const core::PythonVersion& expected,
                               VersionLayout& layout) {
  const Positions positions = PositionsOf(expected.minor);
  Words words{};
  if (!ReadExactly(
          memory, runtime_address,
          std::as_writable_bytes(std::span(words).first(positions.words)))) {
    return absl::UnavailableError("_PyRuntime cannot be read");
  }
  constexpr size_t kVersion = 1;
  constexpr size_t kFreeThreaded = 2;
  if (std::memcmp(words.data(), "xdebugpy", sizeof(words[0])) != 0) {
    return absl::UnimplementedError(
        "_PyRuntime does not begin with _Py_DebugOffsets");
  }
  if (words[kFreeThreaded] != 0) {
    return absl::UnimplementedError(
        "free-threaded Python: its heap is mimalloc's and its objects have "
        "another head");
  }
  const auto version = VersionOfHex(static_cast<uint32_t>(words[kVersion]));
  if (words[kVersion] >> 32 != 0 || version != expected) {
    return absl::UnimplementedError(absl::StrCat(
        "Python version not certain: the file says ", ToString(expected),
        ", _Py_DebugOffsets in the process says ", ToString(version)));
  }
  if (!Apply(words, positions, layout)) {
    return absl::UnimplementedError(
        "_Py_DebugOffsets holds offsets out of range");
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::python
