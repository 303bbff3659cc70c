#include "agent/python/debug_offsets.h"

#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "agent/python/python_version.h"
#include "agent/python/remote_values.h"

namespace plimsoll::python {
namespace {

// struct _Py_DebugOffsets of 3.13, in its order; all of it is read, so that the
// offsets of what is used are right by construction.
struct DebugOffsets313 {
  std::array<char, 8> cookie;
  uint64_t version;
  uint64_t free_threaded;
  struct {
    uint64_t size, finalizing, interpreters_head;
  } runtime;
  struct {
    uint64_t size, id, next, threads_head, gc, imports_modules, sysdict,
        builtins, ceval_gil, gil_runtime_state, gil_runtime_state_enabled,
        gil_runtime_state_locked, gil_runtime_state_holder;
  } interpreter;
  struct {
    uint64_t size, prev, next, interp, current_frame, thread_id,
        native_thread_id, datastack_chunk, status;
  } thread;
  struct {
    uint64_t size, previous, executable, instr_ptr, localsplus, owner;
  } frame;
  struct {
    uint64_t size, filename, name, qualname, linetable, firstlineno, argcount,
        localsplusnames, localspluskinds, co_code_adaptive;
  } code;
  struct {
    uint64_t size, ob_type;
  } object;
  struct {
    uint64_t size, tp_name, tp_repr, tp_flags;
  } type;
  struct {
    uint64_t size, ob_item, ob_size;
  } tuple;
  struct {
    uint64_t size, ob_item, ob_size;
  } list;
  struct {
    uint64_t size, ma_keys, ma_values;
  } dict;
  struct {
    uint64_t size, ob_fval;
  } float_object;
  struct {
    uint64_t size, lv_tag, ob_digit;
  } long_object;
  struct {
    uint64_t size, ob_size, ob_sval;
  } bytes;
  struct {
    uint64_t size, state, length, asciiobject_size;
  } unicode;
  struct {
    uint64_t size, collecting;
  } gc;
};
static_assert(sizeof(DebugOffsets313) == 584);  // measured on 3.13.0's header

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

bool Apply(const DebugOffsets313& d, VersionLayout& v) {
  Setter s;
  // interpreters is {mutex, head, main, ...}: main follows head.
  s.Set(v.runtime_interpreters_main, d.runtime.interpreters_head + 8);
  s.Set(v.interpreter_threads_head, d.interpreter.threads_head);
  s.Set(v.interpreter_gc, d.interpreter.gc);
  s.Set(v.interpreter_gil, d.interpreter.ceval_gil);
  // Both are offsets in the interpreter; the difference is the field's.
  s.Set(v.gil_last_holder, d.interpreter.gil_runtime_state_holder -
                               d.interpreter.gil_runtime_state);
  s.Set(v.tstate_interpreter, d.thread.interp);
  s.Set(v.tstate_next, d.thread.next);
  s.Set(v.frames.tstate_thread_id, d.thread.thread_id);
  s.Set(v.frames.tstate_frame, d.thread.current_frame);
  s.Set(v.frames.frame_code, d.frame.executable);
  s.Set(v.frames.frame_previous, d.frame.previous);
  s.Set(v.frames.frame_instruction, d.frame.instr_ptr);
  s.Set(v.frames.frame_owner, d.frame.owner);
  s.Set(v.code.filename, d.code.filename);
  s.Set(v.code.name, d.code.name);
  s.Set(v.code.qualname, d.code.qualname);
  s.Set(v.code.linetable, d.code.linetable);
  s.Set(v.code.firstlineno, d.code.firstlineno);
  s.Set(v.code.code_adaptive, d.code.co_code_adaptive);
  s.Set(v.objects.tp_name, d.type.tp_name);
  s.Set(v.objects.tp_flags, d.type.tp_flags);
  s.Set(v.objects.dict_ma_keys, d.dict.ma_keys);
  s.Set(v.objects.dict_ma_values, d.dict.ma_values);
  s.Set(v.objects.unicode_length, d.unicode.length);
  s.Set(v.objects.unicode_state, d.unicode.state);
  s.Set(v.objects.unicode_ascii_data, d.unicode.asciiobject_size);
  return s.ok();
}

}  // namespace

absl::Status ApplyDebugOffsets(const core::MemorySource& memory,
                               uint64_t runtime_address,
                               const core::PythonVersion& expected,
                               VersionLayout& layout) {
  const auto offsets = ReadValue<DebugOffsets313>(memory, runtime_address);
  if (!offsets) return absl::UnavailableError("_PyRuntime cannot be read");
  if (std::string_view(offsets->cookie.data(), 8) != "xdebugpy") {
    return absl::UnimplementedError(
        "_PyRuntime does not begin with _Py_DebugOffsets");
  }
  if (offsets->free_threaded != 0) {
    return absl::UnimplementedError(
        "free-threaded Python: its heap is mimalloc's and its objects have "
        "another head");
  }
  const auto version = VersionOfHex(static_cast<uint32_t>(offsets->version));
  if (offsets->version >> 32 != 0 || version != expected) {
    return absl::UnimplementedError(absl::StrCat(
        "Python version not certain: the file says ", ToString(expected),
        ", _Py_DebugOffsets in the process says ", ToString(version)));
  }
  if (!Apply(*offsets, layout)) {
    return absl::UnimplementedError(
        "_Py_DebugOffsets holds offsets out of range");
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::python
