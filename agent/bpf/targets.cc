#include "agent/bpf/targets.h"

#include <bpf/libbpf.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/drop_reasons.h"

namespace plimsoll::bpf {
namespace {

constexpr int32_t kMaxThreadStateOffset = 1 << 20;
constexpr uint32_t kMaxStacks = 1 << 16;
// What may stand before an object in its block beyond the GC head: the
// pre-header of managed dicts and weak references (3.11+), two words.
constexpr uint32_t kPreHeaderBytes = 16;
// MANAGED_DICT, and MANAGED_WEAKREF from 3.12 (in 3.11 no type sets it).
constexpr uint32_t kPreHeaderFlags = 3 << 3;
// 3.13 puts an instance's attribute values into its block: a prefix and up to
// 30 values (_PyInlineValuesSize, SHARED_KEYS_MAX_SIZE).
constexpr uint32_t kInlineValuesBytes = 320;

const char* DropLabel(uint32_t reason) {
  switch (reason) {
#define PLIMSOLL_DROP_LABEL(name, number, label, text) \
  case number:                                         \
    return label;
    PLIMSOLL_DROP_REASONS(PLIMSOLL_DROP_LABEL)
#undef PLIMSOLL_DROP_LABEL
    default:
      return "unknown";
  }
}
static_assert(PLIMSOLL_DROP_REASON_COUNT <=
              static_cast<int>(PLIMSOLL_REASON_SLOTS));

bool InThreadState(int32_t offset) {
  return offset >= 0 && offset < kMaxThreadStateOffset;
}

// The way to the thread states of interpreters that have a GIL of their own.
absl::Status SetOtherGils(const core::FrameLayout& layout,
                          plimsoll_frame_layout& out) {
  if (layout.interpreters_address == 0) return absl::OkStatus();
  for (const int32_t offset : {layout.interpreter_next, layout.interpreter_gil,
                               layout.gil_last_holder, layout.tstate_status}) {
    if (!InThreadState(offset)) {
      return absl::InvalidArgumentError(
          "frame layout: no offsets of the other interpreters' GILs");
    }
  }
  out.interpreters = layout.interpreters_address;
  out.main_interpreter = layout.main_interpreter;
  out.interpreter_next = static_cast<uint32_t>(layout.interpreter_next);
  out.interpreter_gil = static_cast<uint32_t>(layout.interpreter_gil);
  out.gil_last_holder = static_cast<uint32_t>(layout.gil_last_holder);
  out.tstate_status = layout.tstate_status;
  if (InThreadState(layout.thread_state_in_thread)) {
    out.in_thread = layout.thread_state_in_thread;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<plimsoll_frame_layout> MakeFrameLayout(
    const core::FrameLayout& layout) {
  plimsoll_frame_layout out = {};
  out.owner = core::kAbsent;
  out.cframe_current_frame = core::kAbsent;
  out.tstate_status = out.in_thread = out.tstate_c_frame = core::kAbsent;
  if (layout.thread_state_address == 0) return out;
  if (!InThreadState(layout.tstate_thread_id) ||
      !InThreadState(layout.tstate_frame)) {
    return absl::InvalidArgumentError(
        "frame layout: no offset of thread_id or frame in the thread state");
  }
  const std::initializer_list<int32_t> words = {
      layout.frame_code, layout.frame_previous, layout.frame_instruction};
  int32_t begin = std::min(words);
  int32_t end = std::max(words) + 8;
  const bool has_owner = layout.frame_owner >= 0 && layout.owner_c_stack >= 0;
  if (has_owner) {
    begin = std::min(begin, layout.frame_owner);
    end = std::max(end, layout.frame_owner + 1);
  }
  if (begin < 0 || end - begin > PLIMSOLL_FRAME_WINDOW_BYTES) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frame layout: fields from ", begin, " to ", end,
        " do not fit one read of ", PLIMSOLL_FRAME_WINDOW_BYTES, " bytes"));
  }
  out.thread_state_address = layout.thread_state_address;
  out.code_tag_mask = layout.code_tag_mask;
  out.tstate_thread_id = layout.tstate_thread_id;
  out.tstate_frame = layout.tstate_frame;
  out.cframe_current_frame = layout.cframe_current_frame;
  if (InThreadState(layout.tstate_c_frame)) {
    out.tstate_c_frame = layout.tstate_c_frame;
  }
  out.window_offset = static_cast<uint32_t>(begin);
  out.window_bytes = static_cast<uint32_t>(end - begin);
  out.code = static_cast<uint32_t>(layout.frame_code - begin);
  out.previous = static_cast<uint32_t>(layout.frame_previous - begin);
  out.instruction = static_cast<uint32_t>(layout.frame_instruction - begin);
  if (has_owner) {
    out.owner = layout.frame_owner - begin;
    out.owner_c_stack = static_cast<uint32_t>(layout.owner_c_stack);
    out.shim_on_stack = layout.shim_on_stack ? 1 : 0;
  }
  PLIMSOLL_RETURN_IF_ERROR(SetOtherGils(layout, out));
  out.instruction_is_lasti = layout.instruction_is_lasti ? 1 : 0;
  out.usable = 1;
  return out;
}

absl::StatusOr<plimsoll_target> MakeTarget(const core::PythonProcess& python,
                                           uint32_t slot, uint64_t hit_budget) {
  plimsoll_target target = {};
  PLIMSOLL_ASSIGN_OR_RETURN(target.frames, MakeFrameLayout(python.frames));
  const core::ObjectLayout& objects = python.objects;
  const uint32_t pool = objects.pool_bytes;
  if ((pool & (pool - 1)) != 0 || pool > (1U << 20)) {
    return absl::InvalidArgumentError(
        absl::StrCat("pool size ", pool, " is no power of two"));
  }
  target.hit_budget = hit_budget;
  target.slot = slot;
  const core::GcLayout& gc = python.gc;
  target.gc_stats_are_rings = gc.generation_stats_rings >= 0 ? 1 : 0;
  const int32_t stats = target.gc_stats_are_rings ? gc.generation_stats_rings
                                                  : gc.generation_stats;
  if (gc.state_address != 0 && stats >= 0) {
    target.gc_stats_address = gc.state_address + static_cast<uint64_t>(stats);
  }
  if (gc.tstate_interpreter >= 0) {
    target.interpreter = gc.interpreter_address;
    target.tstate_interpreter = static_cast<uint32_t>(gc.tstate_interpreter);
  }
  // Without pymalloc there are no pools: no size classes, no shape to check.
  target.pool_bytes = python.allocator.starts_with("malloc") ? 0 : pool;
  for (const uint32_t offset : objects.object_offsets) {
    if (target.object_offset_count == PLIMSOLL_OBJECT_OFFSETS) break;
    target.object_offsets[target.object_offset_count++] = offset;
  }
  target.type_basicsize = objects.tp_basicsize;
  target.type_itemsize = objects.tp_itemsize;
  target.gc_slack_bytes = objects.gc_head_bytes + kPreHeaderBytes;
  if (python.build.version >= core::PythonVersion{3, 13, 0}) {
    target.gc_slack_bytes += kInlineValuesBytes;
  }
  target.type_flags = objects.tp_flags;
  target.gc_head_bytes = objects.gc_head_bytes;
  if (python.build.version >= core::PythonVersion{3, 11, 0}) {
    target.pre_header_flags = kPreHeaderFlags;
  }
  return target;
}

bool ProcessGone(int32_t pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

absl::Status TargetTable::Write(int32_t pid,
                                const plimsoll_target& target) const {
  const auto tgid = static_cast<uint32_t>(pid);
  if (bpf_map_update_elem(targets_fd_, &tgid, &target, BPF_ANY) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("watch pid ", pid));
  }
  return absl::OkStatus();
}

absl::Status TargetTable::Add(const core::PythonProcess& python,
                              uint64_t hit_budget) {
  if (ProcessGone(python.pid)) {
    return absl::NotFoundError(absl::StrCat("pid ", python.pid, " is gone"));
  }
  if (rows_.contains(python.pid)) {
    return absl::AlreadyExistsError(
        absl::StrCat("pid ", python.pid, " is being probed already"));
  }
  const auto free_slot =
      std::find(slot_taken_.begin(), slot_taken_.end(), false);
  if (free_slot == slot_taken_.end()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(static_cast<int>(PLIMSOLL_MAX_TARGETS),
                     " processes are probed already"));
  }
  Row row;
  row.slot = static_cast<uint32_t>(free_slot - slot_taken_.begin());
  PLIMSOLL_ASSIGN_OR_RETURN(row.target,
                            MakeTarget(python, row.slot, hit_budget));
  const plimsoll_progress zero = {};
  if (bpf_map_update_elem(progress_fd_, &row.slot, &zero, BPF_ANY) != 0) {
    return absl::ErrnoToStatus(errno, "clear a slot's progress");
  }
  PLIMSOLL_RETURN_IF_ERROR(ClearDrops(drops_fd_, row.slot));
  PLIMSOLL_RETURN_IF_ERROR(Write(python.pid, row.target));
  *free_slot = true;
  rows_[python.pid] = row;
  return absl::OkStatus();
}

void TargetTable::Remove(int32_t pid) {
  const auto row = rows_.find(pid);
  if (row == rows_.end()) return;
  const auto tgid = static_cast<uint32_t>(pid);
  bpf_map_delete_elem(targets_fd_, &tgid);
  slot_taken_[row->second.slot] = false;
  rows_.erase(row);
}

absl::Status TargetTable::SetHitBudget(int32_t pid, uint64_t hit_budget) {
  const auto row = rows_.find(pid);
  if (row == rows_.end()) return absl::NotFoundError("not a target");
  row->second.target.hit_budget = hit_budget;
  return Write(pid, row->second.target);
}

uint32_t TargetTable::NextEpoch(int32_t pid) {
  const auto row = rows_.find(pid);
  if (row == rows_.end()) return 0;
  const uint32_t before = row->second.target.epoch++;
  // It exists already, so that the update cannot run out of room.
  Write(pid, row->second.target).IgnoreError();
  return before;
}

plimsoll_progress TargetTable::Progress(int32_t pid) const {
  plimsoll_progress progress = {};
  const auto row = rows_.find(pid);
  if (row != rows_.end()) {
    bpf_map_lookup_elem(progress_fd_, &row->second.slot, &progress);
  }
  return progress;
}

std::map<std::string, int64_t> TargetTable::Drops(int32_t pid) const {
  const auto row = rows_.find(pid);
  if (row == rows_.end()) return {};
  return ReadDrops(drops_fd_, row->second.slot);
}

StacksByHash ReadStacks(int map_fd, int32_t pid, bool remove) {
  StacksByHash stacks;
  const auto keys = ListKeys<plimsoll_stack_key>(
      map_fd, kMaxStacks, [pid](const plimsoll_stack_key& key) {
        return key.tgid == static_cast<uint32_t>(pid);
      });
  plimsoll_stack value;
  for (const plimsoll_stack_key& key : keys) {
    if (bpf_map_lookup_elem(map_fd, &key, &value) != 0) continue;
    core::RawStack& stack = stacks[key.hash];
    stack.frames.clear();
    stack.truncated = value.truncated != 0;
    const uint32_t count =
        std::min<uint32_t>(value.frame_count, PLIMSOLL_MAX_FRAMES);
    for (uint32_t i = 0; i < count; ++i) {
      stack.frames.push_back(
          {value.frames[i].code, value.frames[i].instruction});
    }
    if (remove) bpf_map_delete_elem(map_fd, &key);
  }
  return stacks;
}

std::map<std::string, int64_t> ReadDrops(int map_fd, uint32_t slot) {
  std::map<std::string, int64_t> drops;
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return drops;
  std::vector<uint64_t> counts(static_cast<size_t>(cpus));
  for (uint32_t reason = 0; reason < PLIMSOLL_DROP_REASON_COUNT; ++reason) {
    const uint32_t index = slot * PLIMSOLL_REASON_SLOTS + reason;
    if (bpf_map_lookup_elem(map_fd, &index, counts.data()) != 0) continue;
    int64_t sum = 0;
    for (const uint64_t count : counts) sum += static_cast<int64_t>(count);
    if (sum != 0) drops[DropLabel(reason)] = sum;
  }
  return drops;
}

absl::Status ClearDrops(int map_fd, uint32_t slot) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return absl::InternalError("possible CPUs are not known");
  const std::vector<uint64_t> zeros(static_cast<size_t>(cpus));
  for (uint32_t reason = 0; reason < PLIMSOLL_REASON_SLOTS; ++reason) {
    const uint32_t index = slot * PLIMSOLL_REASON_SLOTS + reason;
    if (bpf_map_update_elem(map_fd, &index, zeros.data(), BPF_ANY) != 0) {
      return absl::ErrnoToStatus(errno, "clear drop counters");
    }
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::bpf
