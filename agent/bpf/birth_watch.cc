#include "agent/bpf/birth_watch.h"

#include <bpf/bpf.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "agent/bpf/handles.h"
#include "agent/bpf/targets.h"
#include "agent/bpf/thread_watchpoints.h"
#include "bpf/watch.skel.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/bpf_watch.h"

namespace plimsoll::bpf {
namespace {

int64_t MonotonicNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

struct BirthProbe::Loaded {
  Skeleton<plimsoll_watch> skeleton;
  TargetTable targets;
  double trap_ns = 0;
  int program_fd() const {
    return bpf_program__fd(skeleton->progs.handle_write);
  }
  int watches_fd() const { return bpf_map__fd(skeleton->maps.watches); }
};

struct BirthWatch::State {
  struct Slot {
    ThreadWatchpoints watchpoint;
    uint64_t address = 0;        // key of its row; 0: none
    uint64_t writes_before = 0;  // of the watchpoint, when it was moved here
  };

  absl::Status Open(int most);
  plimsoll_watch_key KeyOf(const Slot& slot) const {
    return {.address = slot.address,
            .tgid = static_cast<uint32_t>(pid),
            .padding = 0};
  }
  void Forget(Slot& slot) const;
  ~State();

  std::shared_ptr<BirthProbe::Loaded> loaded;
  int32_t pid = 0;
  std::vector<Slot> slots;
  BirthWatchUse use;
};

BirthWatch::State::~State() {
  for (Slot& slot : slots) {
    slot.watchpoint.Disable();
    Forget(slot);
  }
  loaded->targets.Remove(pid);
}

void BirthWatch::State::Forget(Slot& slot) const {
  if (slot.address == 0) return;
  const plimsoll_watch_key key = KeyOf(slot);
  bpf_map_delete_elem(loaded->watches_fd(), &key);
  slot.address = 0;
}

absl::Status BirthWatch::State::Open(int most) {
  const int64_t begin = MonotonicNs();
  for (int i = 0; i < std::min<int>(most, PLIMSOLL_MAX_WATCHES); ++i) {
    auto watchpoint = ThreadWatchpoints::Open(pid, loaded->program_fd());
    if (watchpoint.ok()) {
      slots.push_back({*std::move(watchpoint)});
      continue;
    }
    // Fewer than asked for will do.
    if (!slots.empty() && !absl::IsNotFound(watchpoint.status())) break;
    return watchpoint.status();
  }
  use.threads = static_cast<int64_t>(slots.front().watchpoint.threads());
  use.open_ns = MonotonicNs() - begin;
  return absl::OkStatus();
}

BirthWatch::BirthWatch(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
BirthWatch::~BirthWatch() = default;

int BirthWatch::slots() const { return static_cast<int>(state_->slots.size()); }

absl::Status BirthWatch::Arm(int index, const core::WriteWatch& watch) {
  State::Slot& slot = state_->slots[static_cast<size_t>(index)];
  const int64_t begin = MonotonicNs();
  Disarm(index);
  slot.address = watch.address;
  const plimsoll_watch_key key = state_->KeyOf(slot);
  plimsoll_watched row = {};
  row.type_address = watch.type_address;
  row.type = watch.type;
  row.untracked_address = watch.untracked_address;
  if (bpf_map_update_elem(state_->loaded->watches_fd(), &key, &row, BPF_ANY) !=
      0) {
    return absl::ErrnoToStatus(errno, "add a watched word");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(slot.writes_before, slot.watchpoint.Writes());
  absl::Status moved = slot.watchpoint.Move(watch.address);
  ++state_->use.moves;
  state_->use.move_ns += MonotonicNs() - begin;
  return moved;
}

void BirthWatch::Disarm(int index) {
  State::Slot& slot = state_->slots[static_cast<size_t>(index)];
  if (slot.address == 0) return;
  slot.watchpoint.Disable();
  state_->Forget(slot);
}

core::WriteReading BirthWatch::Read(int index) {
  const State::Slot& slot = state_->slots[static_cast<size_t>(index)];
  const plimsoll_watch_key key = state_->KeyOf(slot);
  plimsoll_watched row = {};
  bpf_map_lookup_elem(state_->loaded->watches_fd(), &key, &row);
  return {
      .hits = row.hits,
      .has_stack = row.births > 0,
      .unwritten_ns = row.last_ns == 0
                          ? 0
                          : MonotonicNs() - static_cast<int64_t>(row.last_ns)};
}

absl::StatusOr<core::RawStack> BirthWatch::ReadStack(int index) {
  const State::Slot& slot = state_->slots[static_cast<size_t>(index)];
  const plimsoll_watch_key key = state_->KeyOf(slot);
  plimsoll_watched row = {};
  if (bpf_map_lookup_elem(state_->loaded->watches_fd(), &key, &row) != 0) {
    return absl::ErrnoToStatus(errno, "read a watched word");
  }
  if (row.busy != 0) return absl::AbortedError("it is being written");
  PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t writes, slot.watchpoint.Writes());
  if (writes - slot.writes_before != row.hits) {
    return absl::DataLossError("a write went by that the program did not see");
  }
  core::RawStack stack;
  stack.truncated = row.walk.stack.truncated != 0;
  const uint32_t count =
      std::min<uint32_t>(row.walk.stack.frame_count, PLIMSOLL_MAX_FRAMES);
  for (uint32_t i = 0; i < count; ++i) {
    const plimsoll_frame& frame = row.walk.stack.frames[i];
    stack.frames.push_back({frame.code, frame.instruction});
  }
  return stack;
}

BirthWatchUse BirthWatch::Use() const {
  BirthWatchUse use = state_->use;
  const plimsoll_progress progress =
      state_->loaded->targets.Progress(state_->pid);
  use.hits = progress.hits;
  if (progress.timed_hits > 0) {
    use.program_ns_per_hit = static_cast<double>(progress.timed_ns) /
                             static_cast<double>(progress.timed_hits);
  }
  use.drops = state_->loaded->targets.Drops(state_->pid);
  return use;
}

BirthProbe::BirthProbe(std::shared_ptr<Loaded> loaded)
    : loaded_(std::move(loaded)) {}
BirthProbe::BirthProbe(BirthProbe&&) noexcept = default;
BirthProbe& BirthProbe::operator=(BirthProbe&&) noexcept = default;
BirthProbe::~BirthProbe() = default;

double BirthProbe::trap_ns() const { return loaded_->trap_ns; }

absl::StatusOr<BirthProbe> BirthProbe::Create(const KernelSupport& kernel) {
  if (!kernel.bpf()) {
    return absl::FailedPreconditionError(kernel.bpf_refusal);
  }
  auto loaded = std::make_shared<Loaded>();
  PLIMSOLL_ASSIGN_OR_RETURN(loaded->skeleton,
                            Skeleton<plimsoll_watch>::Open("watch"));
  PLIMSOLL_RETURN_IF_ERROR(loaded->skeleton.Load());
  loaded->targets = TargetTable(bpf_map__fd(loaded->skeleton->maps.targets),
                                bpf_map__fd(loaded->skeleton->maps.progress),
                                bpf_map__fd(loaded->skeleton->maps.drops));
  PLIMSOLL_ASSIGN_OR_RETURN(loaded->trap_ns,
                            MeasureTrapNs(loaded->program_fd()));
  return BirthProbe(std::move(loaded));
}

absl::StatusOr<std::unique_ptr<BirthWatch>> BirthProbe::Watch(
    const core::PythonProcess& python, int most_slots) {
  PLIMSOLL_RETURN_IF_ERROR(loaded_->targets.Add(python, UINT64_MAX));
  auto state = std::make_unique<BirthWatch::State>();
  state->loaded = loaded_;
  state->pid = python.pid;  // from here its end takes the target out again
  PLIMSOLL_RETURN_IF_ERROR(state->Open(most_slots));
  return std::unique_ptr<BirthWatch>(new BirthWatch(std::move(state)));
}

}  // namespace plimsoll::bpf
