#include "agent/bpf/birth_watch.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/bpf/chunk_rows.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/targets.h"
#include "agent/bpf/thread_clock.h"
#include "agent/bpf/thread_events.h"
#include "agent/bpf/thread_watchpoints.h"
#include "bpf/watch.skel.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/bpf_watch.h"

namespace plimsoll::bpf {
namespace {

// Of the program at a hit, until it was measured.
constexpr double kAssumedProgramNs = 1'000;
constexpr int64_t kSamplePeriodNs = 10'000'000;

}  // namespace

struct BirthProbe::Loaded {
  Skeleton<plimsoll_watch> skeleton;
  TargetTable targets;
  ChunkRows chunks;
  double trap_ns = 0;
  int program_fd() const {
    return bpf_program__fd(skeleton->progs.handle_write);
  }
  int watches_fd() const { return bpf_map__fd(skeleton->maps.watches); }
  int samples_fd() const { return bpf_map__fd(skeleton->maps.cpu_samples); }
};

struct BirthWatch::State {
  struct Slot {
    uint64_t address = 0;        // key of its row; 0: none
    uint64_t writes_before = 0;  // of the watchpoint, when it was moved here
  };

  // At least one more watchpoint than there are, `most` in all.
  absl::Status Open(size_t most);
  plimsoll_watch_key KeyOf(uint64_t address) const {
    return {
        .address = address, .tgid = static_cast<uint32_t>(pid), .padding = 0};
  }
  absl::Status ArmChunk(const core::WriteWatch& watch);
  void DisarmChunk();
  void Forget(Slot& slot) const;
  ~State();

  std::shared_ptr<BirthProbe::Loaded> loaded;
  int32_t pid = 0;
  std::vector<ThreadWatchpoints> watchpoints;
  std::vector<Slot> slots;        // beside the watchpoints; of pools
  std::optional<ChunkRow> chunk;  // instead, and all watchpoints are its
  std::vector<BpfLink> sampling;  // of CPU time
  BirthWatchUse use;
};

BirthWatch::State::~State() {
  for (ThreadWatchpoints& watchpoint : watchpoints) watchpoint.Disable();
  for (Slot& slot : slots) Forget(slot);
  chunk.reset();
  sampling.clear();
  bpf_map_delete_elem(loaded->samples_fd(), &pid);
  loaded->targets.Remove(pid);
}

void BirthWatch::State::Forget(Slot& slot) const {
  if (slot.address == 0) return;
  const plimsoll_watch_key key = KeyOf(slot.address);
  bpf_map_delete_elem(loaded->watches_fd(), &key);
  slot.address = 0;
}

absl::Status BirthWatch::State::Open(size_t most) {
  const int64_t begin = MonotonicNs();
  absl::Status opened;
  while (watchpoints.size() < most) {
    auto watchpoint = ThreadWatchpoints::Open(pid, loaded->program_fd());
    opened = watchpoint.status();
    if (!opened.ok()) break;
    watchpoints.push_back(*std::move(watchpoint));
  }
  if (!watchpoints.empty()) {
    use.threads = static_cast<int64_t>(watchpoints.front().threads());
  }
  use.open_ns += MonotonicNs() - begin;
  return opened;
}

BirthWatch::BirthWatch(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
BirthWatch::~BirthWatch() = default;

absl::StatusOr<int> BirthWatch::Slots(bool chunks) {
  if (!chunks) {
    absl::Status opened = state_->Open(kBirthSlots);
    // Fewer than asked for will do.
    if (absl::IsNotFound(opened)) return opened;
    state_->slots.resize(state_->watchpoints.size());
    return static_cast<int>(state_->slots.size());
  }
  if (absl::Status opened = state_->Open(kChunkWords); !opened.ok()) {
    if (!absl::IsFailedPrecondition(opened)) return opened;
    return absl::FailedPreconditionError(absl::StrCat(
        "following malloc's chunks takes ", kChunkWords,
        " debug registers of each thread, and ", state_->watchpoints.size(),
        state_->watchpoints.size() == 1 ? " is" : " are", " free"));
  }
  PLIMSOLL_ASSIGN_OR_RETURN(state_->chunk,
                            state_->loaded->chunks.Take(state_->pid));
  return 1;
}

absl::Status BirthWatch::State::ArmChunk(const core::WriteWatch& watch) {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto words,
                            chunk->Set(watch.address, *watch.chunk));
  // In this order: what is handed back is seen before what is made.
  for (size_t i = 0; i < words.size() && i < watchpoints.size(); ++i) {
    PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t writes, watchpoints[i].Writes());
    chunk->Begin(i, writes);
    PLIMSOLL_RETURN_IF_ERROR(watchpoints[i].Move(words[i]));
  }
  return absl::OkStatus();
}

void BirthWatch::State::DisarmChunk() {
  for (ThreadWatchpoints& watchpoint : watchpoints) watchpoint.Disable();
  chunk->Clear();
}

absl::Status BirthWatch::Arm(int index, const core::WriteWatch& watch) {
  const int64_t begin = MonotonicNs();
  Disarm(index);
  absl::Status moved;
  if (state_->chunk.has_value()) {
    if (!watch.chunk) return absl::InternalError("no chunk to watch");
    moved = state_->ArmChunk(watch);
  } else {
    const auto at = static_cast<size_t>(index);
    State::Slot& slot = state_->slots[at];
    slot.address = watch.address;
    const plimsoll_watch_key key = state_->KeyOf(slot.address);
    plimsoll_watched row = {};
    row.type_address = watch.type_address;
    row.type = watch.type;
    row.untracked_address = watch.untracked_address;
    if (bpf_map_update_elem(state_->loaded->watches_fd(), &key, &row,
                            BPF_ANY) != 0) {
      return absl::ErrnoToStatus(errno, "add a watched word");
    }
    PLIMSOLL_ASSIGN_OR_RETURN(slot.writes_before,
                              state_->watchpoints[at].Writes());
    moved = state_->watchpoints[at].Move(watch.address);
  }
  ++state_->use.moves;
  state_->use.move_ns += MonotonicNs() - begin;
  return moved;
}

void BirthWatch::Disarm(int index) {
  if (state_->chunk.has_value()) return state_->DisarmChunk();
  const auto at = static_cast<size_t>(index);
  if (state_->slots[at].address == 0) return;
  state_->watchpoints[at].Disable();
  state_->Forget(state_->slots[at]);
}

core::WriteReading BirthWatch::Read(int index) {
  if (state_->chunk.has_value()) return state_->chunk->Read();
  const plimsoll_watch_key key =
      state_->KeyOf(state_->slots[static_cast<size_t>(index)].address);
  plimsoll_watched row = {};
  bpf_map_lookup_elem(state_->loaded->watches_fd(), &key, &row);
  return {
      .hits = row.hits,
      .marks = row.hits,
      .births = row.births,
      .has_stack = row.births > 0,
      .unwritten_ns = row.last_ns == 0
                          ? 0
                          : MonotonicNs() - static_cast<int64_t>(row.last_ns)};
}

absl::StatusOr<bool> BirthWatch::Blink(int index, int64_t ns) {
  if (state_->chunk.has_value()) return false;
  const auto at = static_cast<size_t>(index);
  const plimsoll_watch_key key = state_->KeyOf(state_->slots[at].address);
  plimsoll_watched row = {};
  if (bpf_map_lookup_elem(state_->loaded->watches_fd(), &key, &row) != 0) {
    return false;
  }
  return state_->watchpoints[at].Blink(static_cast<int32_t>(row.last_tid), ns);
}

int64_t BirthWatch::CpuNs() { return ProcessCpuNs(state_->pid); }

core::CpuSamples BirthWatch::Samples() {
  plimsoll_cpu_samples samples = {};
  bpf_map_lookup_elem(state_->loaded->samples_fd(), &state_->pid, &samples);
  return {.taken = samples.taken, .in_string = samples.in_string};
}

double BirthWatch::NsPerHit() {
  const double measured = Use().program_ns_per_hit;
  return state_->loaded->trap_ns +
         (measured > 0 ? measured : kAssumedProgramNs);
}

absl::StatusOr<core::WriterStack> BirthWatch::ReadStack(int index) {
  if (state_->chunk.has_value()) {
    return state_->chunk->ReadStack(state_->watchpoints);
  }
  const auto at = static_cast<size_t>(index);
  const State::Slot& slot = state_->slots[at];
  const plimsoll_watch_key key = state_->KeyOf(slot.address);
  plimsoll_watched row = {};
  if (bpf_map_lookup_elem(state_->loaded->watches_fd(), &key, &row) != 0) {
    return absl::ErrnoToStatus(errno, "read a watched word");
  }
  if (row.busy != 0) return absl::AbortedError("it is being written");
  PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t writes,
                            state_->watchpoints[at].Writes());
  if (writes - slot.writes_before != row.hits) {
    return absl::DataLossError("a write went by that the program did not see");
  }
  return core::WriterStack{.python = StackOf(row.walk.stack), .native = {}};
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

double BirthProbe::ns_per_hit() const {
  return loaded_->trap_ns + kAssumedProgramNs;
}

absl::StatusOr<BirthProbe> BirthProbe::Create(const KernelSupport& kernel) {
  if (!kernel.bpf()) {
    return absl::FailedPreconditionError(kernel.bpf_refusal);
  }
  auto loaded = std::make_shared<Loaded>();
  PLIMSOLL_ASSIGN_OR_RETURN(loaded->skeleton,
                            Skeleton<plimsoll_watch>::Open("watch"));
  PLIMSOLL_RETURN_IF_ERROR(loaded->skeleton.Load());
  loaded->chunks = ChunkRows(bpf_map__fd(loaded->skeleton->maps.chunks),
                             bpf_map__fd(loaded->skeleton->maps.chunk_words));
  loaded->targets = TargetTable(bpf_map__fd(loaded->skeleton->maps.targets),
                                bpf_map__fd(loaded->skeleton->maps.progress),
                                bpf_map__fd(loaded->skeleton->maps.drops));
  PLIMSOLL_ASSIGN_OR_RETURN(loaded->trap_ns,
                            MeasureTrapNs(loaded->program_fd()));
  return BirthProbe(std::move(loaded));
}

absl::StatusOr<std::unique_ptr<BirthWatch>> BirthProbe::Watch(
    const core::PythonProcess& python) {
  PLIMSOLL_RETURN_IF_ERROR(loaded_->targets.Add(python, UINT64_MAX));
  auto state = std::make_unique<BirthWatch::State>();
  state->loaded = loaded_;
  state->pid = python.pid;  // from here its end takes the target out again
  PLIMSOLL_RETURN_IF_ERROR(state->Open(1));
  const plimsoll_cpu_samples none = {};
  if (bpf_map_update_elem(loaded_->samples_fd(), &state->pid, &none, BPF_ANY) !=
      0) {
    return absl::ErrnoToStatus(errno, "add a row of CPU samples");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      state->sampling, AttachToCpuTime(loaded_->skeleton->progs.handle_cpu_time,
                                       state->pid, kSamplePeriodNs));
  return std::unique_ptr<BirthWatch>(new BirthWatch(std::move(state)));
}

}  // namespace plimsoll::bpf
