#include "agent/inspector/python_codec.h"

#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::inspector {
namespace {

constexpr int kMostOffsets = 8;
constexpr int kMostProbes = 256;

// A field that is added to one of these must be named below, or it would be
// lost between child and parent; then change the size here.
static_assert(sizeof(core::ObjectLayout) == 112, "see VisitObjects");
static_assert(sizeof(core::FrameLayout) == 96, "see VisitFrames");
static_assert(sizeof(core::CodeLayout) == 40, "see VisitCode");
static_assert(sizeof(core::GcLayout) == 80, "see VisitGc");
static_assert(sizeof(core::ProbePoint) == 96, "see EncodeBuild, DecodeProbe");
static_assert(sizeof(core::PythonBuild) == 256, "see EncodeBuild");
static_assert(sizeof(core::PythonProcess) == 744, "see EncodePython");

// Each Visit names the integers of one struct once, for both directions.
template <typename Layout, typename F>
void VisitObjects(Layout& o, F&& f) {
  f(o.pool_bytes), f(o.arena_bytes), f(o.gc_head_bytes);
  f(o.tp_name), f(o.tp_basicsize), f(o.tp_itemsize), f(o.tp_flags);
  f(o.tp_dict), f(o.ht_qualname);
  f(o.unicode_length), f(o.unicode_state), f(o.unicode_ascii_data);
  f(o.dict_ma_keys), f(o.dict_ma_values), f(o.dict_keys_log2);
  f(o.dict_keys_size), f(o.dict_keys_index_bytes_log2), f(o.dict_keys_kind);
  f(o.dict_keys_nentries), f(o.dict_keys_indices);
}

template <typename Layout, typename F>
void VisitFrames(Layout& l, F&& f) {
  f(l.tstate_thread_id), f(l.tstate_frame), f(l.cframe_current_frame);
  f(l.frame_code), f(l.frame_previous), f(l.frame_instruction);
  f(l.instruction_is_lasti), f(l.frame_owner), f(l.owner_c_stack);
  f(l.interpreter_next), f(l.interpreter_gil), f(l.gil_last_holder);
  f(l.tstate_status), f(l.thread_state_in_thread), f(l.tstate_c_frame);
  f(l.shim_on_stack);
}

template <typename Layout, typename F>
void VisitCode(Layout& l, F&& f) {
  f(l.filename), f(l.name), f(l.qualname), f(l.linetable), f(l.firstlineno);
  f(l.code_adaptive), f(l.line_table);
}

template <typename Layout, typename F>
void VisitGc(Layout& l, F&& f) {
  f(l.enabled), f(l.generations), f(l.generation_stride);
  f(l.permanent_generation), f(l.generation_stats);
  f(l.generation_stats_rings), f(l.tstate_interpreter);
}

template <typename Field>
auto Appender(Field* field) {
  return
      [field](const auto& value) { field->Add(static_cast<int32_t>(value)); };
}

// Takes the integers of a message one by one; `ok` tells whether they were
// neither too few nor too many.
template <typename Field>
class Taker {
 public:
  explicit Taker(const Field& field) : field_(field) {}
  template <typename T>
  void operator()(T& value) {
    if (next_ < field_.size()) value = static_cast<T>(field_.Get(next_));
    ++next_;
  }
  bool ok() const { return next_ == field_.size(); }

 private:
  const Field& field_;
  int next_ = 0;
};

void EncodeBuild(const core::PythonBuild& build, v1::PythonBuild& out) {
  out.set_major(build.version.major);
  out.set_minor(build.version.minor);
  out.set_micro(build.version.micro);
  out.set_implementation(build.implementation);
  out.set_build_id(build.build_id);
  out.set_object_path(build.object_path);
  out.set_device(build.device);
  out.set_inode(build.inode);
  out.set_shared_library(build.shared_library);
  out.set_stripped(build.stripped);
  out.set_free_threaded(build.free_threaded);
  out.set_probe_refusal(build.probe_refusal);
  out.set_gc_probe_refusal(build.gc_probe_refusal);
  out.set_new_pool_refusal(build.new_pool_refusal);
  for (const core::ProbePoint& p : build.probes) {
    v1::ProbePoint& probe = *out.add_probes();
    probe.set_kind(static_cast<int32_t>(p.kind));
    probe.set_symbol(p.symbol);
    probe.set_file_offset(p.file_offset);
    probe.set_cost(static_cast<int32_t>(p.cost));
    probe.set_semaphore_offset(p.semaphore_offset);
    probe.set_argument_register(p.argument_register);
    probe.set_argument_base_register(p.argument_base_register);
    probe.set_argument_displacement(p.argument_displacement);
    probe.set_no_items(p.no_items);
    probe.set_argument_bytes(p.argument_bytes);
    probe.set_entry_offset(p.entry_offset);
  }
}

absl::StatusOr<core::ProbePoint> DecodeProbe(const v1::ProbePoint& in) {
  if (in.kind() < static_cast<int>(core::ProbeKind::kObjectMalloc) ||
      in.kind() > static_cast<int>(core::ProbeKind::kNewPool) ||
      in.cost() < 0 ||
      in.cost() > static_cast<int>(core::ProbeCost::kSingleStepped)) {
    return absl::InvalidArgumentError(
        absl::StrCat("probe of kind ", in.kind(), ", cost ", in.cost()));
  }
  return core::ProbePoint{.kind = static_cast<core::ProbeKind>(in.kind()),
                          .symbol = in.symbol(),
                          .file_offset = in.file_offset(),
                          .cost = static_cast<core::ProbeCost>(in.cost()),
                          .semaphore_offset = in.semaphore_offset(),
                          .argument_register = in.argument_register(),
                          .argument_base_register = in.argument_base_register(),
                          .argument_displacement = in.argument_displacement(),
                          .argument_bytes = in.argument_bytes(),
                          .no_items = in.no_items(),
                          .entry_offset = in.entry_offset()};
}

absl::Status DecodeBuild(const v1::PythonBuild& in, core::PythonBuild& build) {
  build.version = {in.major(), in.minor(), in.micro()};
  build.implementation = in.implementation();
  build.build_id = in.build_id();
  build.object_path = in.object_path();
  build.device = in.device();
  build.inode = in.inode();
  build.shared_library = in.shared_library();
  build.stripped = in.stripped();
  build.free_threaded = in.free_threaded();
  build.probe_refusal = in.probe_refusal();
  build.gc_probe_refusal = in.gc_probe_refusal();
  build.new_pool_refusal = in.new_pool_refusal();
  if (in.probes_size() > kMostProbes) {
    return absl::InvalidArgumentError("too many probe points");
  }
  for (const v1::ProbePoint& p : in.probes()) {
    auto probe = DecodeProbe(p);
    if (!probe.ok()) return probe.status();
    build.probes.push_back(*std::move(probe));
  }
  return absl::OkStatus();
}

}  // namespace

void EncodePython(const core::PythonProcess& python, v1::PythonProcess& out) {
  out.set_pid(python.pid);
  out.set_start_ticks(python.start_ticks);
  EncodeBuild(python.build, *out.mutable_build());
  VisitObjects(python.objects, Appender(out.mutable_objects()));
  for (const uint32_t offset : python.objects.object_offsets) {
    out.add_object_offsets(offset);
  }
  out.set_thread_state_address(python.frames.thread_state_address);
  out.set_interpreters_address(python.frames.interpreters_address);
  out.set_main_interpreter(python.frames.main_interpreter);
  out.set_code_tag_mask(python.frames.code_tag_mask);
  VisitFrames(python.frames, Appender(out.mutable_frames()));
  out.set_code_type_address(python.code.code_type_address);
  VisitCode(python.code, Appender(out.mutable_code()));
  out.set_gc_state_address(python.gc.state_address);
  out.set_interpreter_address(python.gc.interpreter_address);
  VisitGc(python.gc, Appender(out.mutable_gc()));
  out.set_runtime_address(python.runtime_address);
  out.set_type_type_address(python.type_type_address);
  out.set_allocator(python.allocator);
  out.set_open_path(python.open_path);
  out.set_gc_refusal(python.gc.refusal);
  out.set_native_allocator(python.native_allocator);
  out.set_heap_refusal(python.heap_refusal);
}

absl::StatusOr<core::PythonProcess> DecodePython(const v1::PythonProcess& in) {
  core::PythonProcess python;
  python.pid = in.pid();
  python.start_ticks = in.start_ticks();
  if (absl::Status s = DecodeBuild(in.build(), python.build); !s.ok()) return s;
  Taker objects(in.objects()), frames(in.frames()), code(in.code()),
      gc(in.gc());
  VisitObjects(python.objects, objects);
  VisitFrames(python.frames, frames);
  VisitCode(python.code, code);
  VisitGc(python.gc, gc);
  if (!objects.ok() || !frames.ok() || !code.ok() || !gc.ok() ||
      in.object_offsets_size() > kMostOffsets ||
      python.code.line_table < core::CodeLayout::LineTable::kLnotab ||
      python.code.line_table > core::CodeLayout::LineTable::kPep657) {
    return absl::InvalidArgumentError("a layout that makes no sense");
  }
  python.objects.object_offsets.assign(in.object_offsets().begin(),
                                       in.object_offsets().end());
  python.frames.thread_state_address = in.thread_state_address();
  python.frames.interpreters_address = in.interpreters_address();
  python.frames.main_interpreter = in.main_interpreter();
  python.frames.code_tag_mask = in.code_tag_mask();
  python.code.code_type_address = in.code_type_address();
  python.gc.state_address = in.gc_state_address();
  python.gc.interpreter_address = in.interpreter_address();
  python.runtime_address = in.runtime_address();
  python.type_type_address = in.type_type_address();
  python.allocator = in.allocator();
  python.open_path = in.open_path();
  python.gc.refusal = in.gc_refusal();
  python.native_allocator = in.native_allocator();
  python.heap_refusal = in.heap_refusal();
  return python;
}

}  // namespace plimsoll::inspector
