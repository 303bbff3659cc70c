#include "agent/bpf/growth_probe.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "agent/bpf/fault_cost.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/targets.h"
#include "agent/bpf/thread_events.h"
#include "bpf/growth.skel.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/bpf_events.h"

namespace plimsoll::bpf {
namespace {

constexpr int64_t kPageBytes = 4096;
constexpr size_t kMaxStacksKept = 8192;

}  // namespace

struct GrowthProbe::State {
  struct Watched {
    GrowthOptions options;
    StacksByHash stacks;
    std::vector<plimsoll_fault> faults;
    uint64_t hits_taken = 0;
    std::vector<BpfLink> links;
  };

  Skeleton<plimsoll_growth> skeleton;
  RingBuffer ring;
  TargetTable targets;
  uint64_t bad_records = 0;
  double fault_ns = 0;
  absl::flat_hash_map<int32_t, Watched> watched;  // links go first

  static int OnRecord(void* self, void* data, size_t size);
};

int GrowthProbe::State::OnRecord(void* self, void* data, size_t size) {
  auto* state = static_cast<State*>(self);
  plimsoll_fault fault;
  if (size < sizeof(fault)) {
    ++state->bad_records;
    return 0;
  }
  std::memcpy(&fault, data, sizeof(fault));
  const auto found = state->watched.find(static_cast<int32_t>(fault.tgid));
  if (found == state->watched.end()) {
    ++state->bad_records;
    return 0;
  }
  found->second.faults.push_back(fault);
  return 0;
}

std::vector<core::StackCount> CountGrowth(
    const GrowthTaken& taken,
    const std::function<bool(const GrowthSample&)>& is_growth) {
  absl::flat_hash_map<uint32_t, int64_t> faults;
  for (const GrowthSample& sample : taken.samples) {
    if (is_growth(sample)) ++faults[sample.stack_index];
  }
  std::vector<core::StackCount> counts;
  for (const auto& [stack, samples] : faults) {
    core::StackCount count;
    count.stack_index = stack;
    count.probe = static_cast<core::ProbeKind>(0);  // none: a page fault
    count.allocations = samples * static_cast<int64_t>(taken.sample_period);
    count.allocated_bytes = count.allocations * kPageBytes;
    counts.push_back(count);
  }
  return counts;
}

GrowthProbe::GrowthProbe(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
GrowthProbe::GrowthProbe(GrowthProbe&&) noexcept = default;
GrowthProbe& GrowthProbe::operator=(GrowthProbe&&) noexcept = default;
GrowthProbe::~GrowthProbe() = default;

absl::StatusOr<GrowthProbe> GrowthProbe::Create(const KernelSupport& kernel) {
  for (const std::string& refusal :
       {kernel.bpf_refusal, kernel.page_fault_refusal}) {
    if (!refusal.empty()) return absl::FailedPreconditionError(refusal);
  }
  auto state = std::make_unique<State>();
  PLIMSOLL_ASSIGN_OR_RETURN(state->skeleton,
                            Skeleton<plimsoll_growth>::Open("growth"));
  PLIMSOLL_RETURN_IF_ERROR(state->skeleton.Load());
  errno = 0;
  state->ring.reset(ring_buffer__new(bpf_map__fd(state->skeleton->maps.faults),
                                     &State::OnRecord, state.get(), nullptr));
  if (state->ring == nullptr) {
    return absl::ErrnoToStatus(errno, "map the ring buffer of growth");
  }
  state->targets = TargetTable(bpf_map__fd(state->skeleton->maps.targets),
                               bpf_map__fd(state->skeleton->maps.progress),
                               bpf_map__fd(state->skeleton->maps.drops));
  state->fault_ns =
      MeasureFaultNs(state->skeleton->progs.handle_page_fault).value_or(0);
  return GrowthProbe(std::move(state));
}

absl::Status GrowthProbe::Watch(const core::PythonProcess& python,
                                const GrowthOptions& options) {
  if (options.sample_period == 0) {
    return absl::InvalidArgumentError("a sample period of 0 faults");
  }
  PLIMSOLL_RETURN_IF_ERROR(
      state_->targets.Add(python, options.max_samples_per_take));
  State::Watched& watched = state_->watched[python.pid];
  watched.options = options;
  auto links = AttachToPageFaults(state_->skeleton->progs.handle_page_fault,
                                  python.pid, options.sample_period);
  if (!links.ok()) {
    Unwatch(python.pid);
    return links.status();
  }
  watched.links = *std::move(links);
  return absl::OkStatus();
}

absl::StatusOr<GrowthTaken> GrowthProbe::Take(int32_t pid) {
  const auto found = state_->watched.find(pid);
  if (found == state_->watched.end()) {
    return absl::NotFoundError(absl::StrCat("pid ", pid, " is not watched"));
  }
  ring_buffer__consume(state_->ring.get());
  State::Watched& watched = found->second;
  const int stacks_fd = bpf_map__fd(state_->skeleton->maps.stacks);
  // The kernel's table is emptied at each Take. What was read is kept, for
  // faults that came between the drain of the ring and this.
  if (watched.stacks.size() > kMaxStacksKept) watched.stacks.clear();
  for (auto& [hash, stack] : ReadStacks(stacks_fd, pid, true)) {
    watched.stacks[hash] = std::move(stack);
  }
  const StacksByHash& stacks = watched.stacks;
  GrowthTaken taken;
  taken.sample_period = watched.options.sample_period;
  taken.stacks.emplace_back();
  absl::flat_hash_map<uint64_t, uint32_t> index_of;
  for (const plimsoll_fault& fault : watched.faults) {
    uint32_t index = 0;
    if (const auto stack = stacks.find(fault.stack_hash);
        stack != stacks.end()) {
      const auto [at, is_new] = index_of.try_emplace(
          fault.stack_hash, static_cast<uint32_t>(taken.stacks.size()));
      if (is_new) taken.stacks.push_back(stack->second);
      index = at->second;
    }
    taken.samples.push_back({fault.time_ns, fault.address, fault.instruction,
                             index, static_cast<int32_t>(fault.tid)});
  }
  watched.faults.clear();
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

void GrowthProbe::Unwatch(int32_t pid) {
  state_->watched.erase(pid);  // detaches
  state_->targets.Remove(pid);
  ReadStacks(bpf_map__fd(state_->skeleton->maps.stacks), pid, true);
}

double GrowthProbe::fault_ns() const { return state_->fault_ns; }

uint64_t GrowthProbe::bad_records() const { return state_->bad_records; }

}  // namespace plimsoll::bpf
