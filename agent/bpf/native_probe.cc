#include "agent/bpf/native_probe.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "agent/bpf/fault_cost.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/native_record.h"
#include "agent/bpf/targets.h"
#include "agent/bpf/thread_events.h"
#include "bpf/native.skel.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/bpf_native.h"

namespace plimsoll::bpf {
namespace {

constexpr size_t kMaxStacksKept = 8192;

}  // namespace

struct NativeProbe::State {
  struct Sample {
    core::NativeSnapshot snapshot;
    uint64_t stack_hash = 0;
  };
  struct Watched {
    NativeOptions options;
    StacksByHash stacks;
    std::vector<Sample> samples;
    uint64_t hits_taken = 0;
    std::vector<BpfLink> links;
  };

  Skeleton<plimsoll_native> skeleton;
  RingBuffer ring;
  TargetTable targets;
  uint64_t bad_records = 0;
  double fault_ns = 0;
  absl::flat_hash_map<int32_t, Watched> watched;  // links go first

  static int OnRecord(void* self, void* data, size_t size);
};

int NativeProbe::State::OnRecord(void* self, void* data, size_t size) {
  auto* state = static_cast<State*>(self);
  if (size < sizeof(plimsoll_native_hit)) {
    ++state->bad_records;
    return 0;
  }
  const auto* record = static_cast<const struct plimsoll_native_hit*>(data);
  const auto found = state->watched.find(static_cast<int32_t>(record->tgid));
  if (found == state->watched.end()) {
    ++state->bad_records;
    return 0;
  }
  found->second.samples.push_back({SnapshotOf(*record), record->stack_hash});
  return 0;
}

NativeProbe::NativeProbe(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
NativeProbe::NativeProbe(NativeProbe&&) noexcept = default;
NativeProbe& NativeProbe::operator=(NativeProbe&&) noexcept = default;
NativeProbe::~NativeProbe() = default;

absl::StatusOr<NativeProbe> NativeProbe::Create(const KernelSupport& kernel) {
  for (const std::string& refusal :
       {kernel.bpf_refusal, kernel.page_fault_refusal}) {
    if (!refusal.empty()) return absl::FailedPreconditionError(refusal);
  }
  auto state = std::make_unique<State>();
  PLIMSOLL_ASSIGN_OR_RETURN(state->skeleton,
                            Skeleton<plimsoll_native>::Open("native"));
  PLIMSOLL_RETURN_IF_ERROR(state->skeleton.Load());
  errno = 0;
  state->ring.reset(ring_buffer__new(bpf_map__fd(state->skeleton->maps.samples),
                                     &State::OnRecord, state.get(), nullptr));
  if (state->ring == nullptr) {
    return absl::ErrnoToStatus(errno, "map the ring buffer of native");
  }
  state->targets = TargetTable(bpf_map__fd(state->skeleton->maps.targets),
                               bpf_map__fd(state->skeleton->maps.progress),
                               bpf_map__fd(state->skeleton->maps.drops));
  state->fault_ns =
      MeasureFaultNs(state->skeleton->progs.handle_native_fault).value_or(0);
  return NativeProbe(std::move(state));
}

absl::Status NativeProbe::Watch(const core::PythonProcess& python,
                                const NativeOptions& options) {
  if (options.sample_period == 0) {
    return absl::InvalidArgumentError("a sample period of 0 faults");
  }
  PLIMSOLL_RETURN_IF_ERROR(
      state_->targets.Add(python, options.max_samples_per_take));
  State::Watched& watched = state_->watched[python.pid];
  watched.options = options;
  auto links = AttachToPageFaults(state_->skeleton->progs.handle_native_fault,
                                  python.pid, options.sample_period);
  if (!links.ok()) {
    Unwatch(python.pid);
    return links.status();
  }
  watched.links = *std::move(links);
  return absl::OkStatus();
}

absl::StatusOr<NativeTaken> NativeProbe::Take(int32_t pid) {
  const auto found = state_->watched.find(pid);
  if (found == state_->watched.end()) {
    return absl::NotFoundError(absl::StrCat("pid ", pid, " is not watched"));
  }
  ring_buffer__consume(state_->ring.get());
  State::Watched& watched = found->second;
  // The kernel's table is emptied at each Take. What was read is kept, for
  // faults that came between the drain of the ring and this.
  if (watched.stacks.size() > kMaxStacksKept) watched.stacks.clear();
  for (auto& [hash, stack] :
       ReadStacks(bpf_map__fd(state_->skeleton->maps.stacks), pid, true)) {
    watched.stacks[hash] = std::move(stack);
  }
  NativeTaken taken;
  taken.sample_period = watched.options.sample_period;
  taken.stacks.emplace_back();
  absl::flat_hash_map<uint64_t, uint32_t> index_of;
  for (State::Sample& sample : watched.samples) {
    if (const auto stack = watched.stacks.find(sample.stack_hash);
        stack != watched.stacks.end()) {
      const auto [at, is_new] = index_of.try_emplace(
          sample.stack_hash, static_cast<uint32_t>(taken.stacks.size()));
      if (is_new) taken.stacks.push_back(stack->second);
      sample.snapshot.python_stack = at->second;
    }
    taken.samples.push_back(std::move(sample.snapshot));
  }
  watched.samples.clear();
  const plimsoll_progress progress = state_->targets.Progress(pid);
  taken.hits = progress.hits - watched.hits_taken;
  watched.hits_taken = progress.hits;
  if (progress.timed_hits > 0) {
    taken.program_ns_per_hit = static_cast<double>(progress.timed_ns) /
                               static_cast<double>(progress.timed_hits);
  }
  taken.drops = state_->targets.Drops(pid);
  PLIMSOLL_RETURN_IF_ERROR(state_->targets.SetHitBudget(
      pid, progress.hits + watched.options.max_samples_per_take));
  return taken;
}

void NativeProbe::Unwatch(int32_t pid) {
  state_->watched.erase(pid);  // detaches
  state_->targets.Remove(pid);
  ReadStacks(bpf_map__fd(state_->skeleton->maps.stacks), pid, true);
}

double NativeProbe::fault_ns() const { return state_->fault_ns; }

uint64_t NativeProbe::bad_records() const { return state_->bad_records; }

}  // namespace plimsoll::bpf
