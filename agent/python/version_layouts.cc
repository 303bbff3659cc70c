#include "agent/python/version_layouts.h"

namespace plimsoll::python {
namespace {

using LineTable = core::CodeLayout::LineTable;

void SetObjects(int minor, core::ObjectLayout& o) {
  const bool radix_tree = minor >= 10;  // arena_map, obmalloc.c
  o.pool_bytes = radix_tree ? 16384 : 4096;
  o.arena_bytes = radix_tree ? 1 << 20 : 256 << 10;
  o.gc_head_bytes = minor == 7 ? 32 : 16;  // 3.7: aligned by a long double
  o.object_offsets = {0, o.gc_head_bytes};
  // From 3.11 two words (dict, weak references) may stand before the GC head.
  if (minor >= 11) o.object_offsets.push_back(o.gc_head_bytes + 16);
  static constexpr int32_t kQualname[] = {848, 864, 856, 864, 864,
                                          872, 872, 872, 880};
  o.ht_qualname = kQualname[minor - kOldestMinor];
  o.unicode_ascii_data = minor >= 12 ? 40 : 48;
  if (minor >= 11) {
    o.dict_keys_log2 = true;
    o.dict_keys_index_bytes_log2 = 9;
    o.dict_keys_kind = 10;
    o.dict_keys_nentries = 24;
    o.dict_keys_indices = 32;
  }
}

void SetFrames(int minor, core::FrameLayout& f) {
  static constexpr int32_t kThreadId[] = {176, 176, 176, 176, 152,
                                          136, 152, 152, 176};
  f.tstate_thread_id = kThreadId[minor - kOldestMinor];
  if (minor >= 10 && minor <= 12) f.tstate_c_frame = minor == 10 ? 48 : 56;
  if (minor <= 10) {  // PyFrameObject
    f.tstate_frame = 24;
    f.frame_previous = 24;
    f.frame_code = 32;
    f.frame_instruction = minor == 10 ? 96 : 104;
    f.instruction_is_lasti = true;
    return;
  }
  // _PyInterpreterFrame
  f.tstate_frame = minor >= 13 ? 72 : 56;
  f.frame_code = minor == 11 ? 32 : 0;
  f.frame_previous = minor == 11 ? 48 : 8;
  f.frame_instruction = 56;
  if (minor == 11) f.cframe_current_frame = 8;
  if (minor == 12) f.cframe_current_frame = 0;
  if (minor >= 12) {
    f.frame_owner = minor >= 14 ? 74 : 70;
    // FRAME_OWNED_BY_CSTACK; from 3.14 FRAME_OWNED_BY_INTERPRETER, and above.
    f.owner_c_stack = 3;
    f.shim_on_stack = minor == 13;
    f.tstate_status = minor == 12 ? 24 : 32;
  }
  if (minor >= 14) f.code_tag_mask = ~uint64_t{3};  // Py_TAG_BITS
}

void SetCode(int minor, core::CodeLayout& c) {
  if (minor <= 10) {
    c.filename = minor == 7 ? 96 : 104;
    c.name = minor == 7 ? 104 : 112;
    c.linetable = minor == 7 ? 112 : 120;
    c.firstlineno = minor == 7 ? 36 : 40;
    c.line_table = minor == 10 ? LineTable::kPep626 : LineTable::kLnotab;
    return;
  }
  c.filename = 112;
  c.name = 120;
  c.qualname = 128;
  c.linetable = 136;
  c.firstlineno = minor == 11 ? 72 : 68;
  static constexpr int32_t kAdaptive[] = {184, 192, 200, 208, 208};
  c.code_adaptive = kAdaptive[minor - 11];
  c.line_table = LineTable::kPep657;
}

void SetGc(int minor, core::GcLayout& g) {
  const bool wide = minor == 7;  // 32-byte GC heads in the generations
  g.generation_stride = wide ? 48 : 24;
  if (minor >= 15) {
    g.enabled = 0;
    g.generations = 8;
    g.permanent_generation = 80;
    g.generation_stats_rings = 104;
    return;
  }
  g.enabled = 12;
  g.generations = wide ? 32 : 24;
  // 3.8-3.13 have a pointer, generation0, before it.
  g.permanent_generation = wide ? 192 : minor == 14 ? 96 : 104;
  g.generation_stats = wide ? 240 : minor == 14 ? 120 : 128;
}

void SetRuntime(int minor, VersionLayout& v) {
  static constexpr int32_t kMain[] = {32, 40, 40, 40, 48, 48, 640, 816, 944};
  v.runtime_interpreters_main = kMain[minor - kOldestMinor];
  static constexpr int32_t kThreads[] = {8, 8, 8, 8, 16, 72, 7344, 7344, 7336};
  v.interpreter_threads_head = kThreads[minor - kOldestMinor];
  if (minor <= 11) {
    static constexpr int32_t kCurrent[] = {1480, 1368, 568, 568, 576};
    v.runtime_tstate_current = kCurrent[minor - kOldestMinor];
    // 3.7 and 3.8 have a function pointer (getframe) between the two.
    v.runtime_auto_interpreter =
        v.runtime_tstate_current + (minor <= 8 ? 16 : 8);
  } else {
    v.interpreter_gil = minor == 12 ? 384 : 16;
    v.gil_last_holder = 8;
    if (minor == 12) {
      v.interpreter_next = 0;
      v.runtime_tss_key = 1544;
    }
    static constexpr int32_t kAllocators[] = {96, 704, 880, 1008};
    v.runtime_allocators = kAllocators[minor - 12];
  }
  if (minor == 13) v.gc_generations_packed = 20;
  if (minor <= 8) {
    v.runtime_gc = minor == 7 ? 320 : 344;
  } else {
    static constexpr int32_t kGc[] = {616, 616, 648, 112, 7400, 7408, 7400};
    v.interpreter_gc = kGc[minor - 9];
  }
}

void SetTypeSizes(int minor, VersionLayout& v) {
  // sizeof PyHeapTypeObject
  static constexpr int32_t kType[] = {864, 880, 880, 888, 904,
                                      920, 928, 936, 944};
  v.type_basicsize = kType[minor - kOldestMinor];
  // sizeof PyCodeObject; from 3.11 offsetof co_code_adaptive
  static constexpr int32_t kCode[] = {144, 176, 176, 176, 184,
                                      192, 200, 208, 208};
  v.code_basicsize = kCode[minor - kOldestMinor];
  v.unicode_basicsize = minor >= 12 ? 64 : 80;
}

}  // namespace

VersionLayout LayoutOfMinor(int minor) {
  VersionLayout v;
  SetObjects(minor, v.objects);
  SetFrames(minor, v.frames);
  SetCode(minor, v.code);
  SetGc(minor, v.gc);
  SetRuntime(minor, v);
  SetTypeSizes(minor, v);
  return v;
}

std::string CollectorRefusal(const core::PythonVersion& version) {
  // Replaced by that of 3.13 in 3.14.5 (python/cpython#148726).
  if (version.minor == 14 && version.micro < 5) {
    return "the incremental collector of 3.14.0 to 3.14.4 is not read: no such "
           "build was there to verify it on";
  }
  return "";
}

}  // namespace plimsoll::python
