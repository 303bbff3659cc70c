#include "agent/bpf/alloc_window.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/targets.h"
#include "bpf/alloc.skel.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/bpf_events.h"

namespace plimsoll::bpf {
namespace {

constexpr std::chrono::milliseconds kPilotStep{5};
constexpr uint32_t kMaxKnownTypes = 8192;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool IsAllocationProbe(core::ProbeKind kind) {
  switch (kind) {
    case core::ProbeKind::kObjectMalloc:
    case core::ProbeKind::kObjectFree:
    case core::ProbeKind::kTypeGenericAlloc:
    case core::ProbeKind::kGcNew:
    case core::ProbeKind::kGcNewVar:
    case core::ProbeKind::kObjectNew:
    case core::ProbeKind::kObjectRealloc:
    case core::ProbeKind::kObjectCalloc:
      return true;
    default:
      return false;
  }
}

std::vector<core::ProbePoint> WantedProbes(
    const core::PythonBuild& build, const std::vector<core::ProbeKind>& kinds) {
  std::vector<core::ProbePoint> wanted;
  for (const core::ProbePoint& probe : build.probes) {
    if (!IsAllocationProbe(probe.kind)) continue;
    if (kinds.empty() ||
        std::find(kinds.begin(), kinds.end(), probe.kind) != kinds.end()) {
      wanted.push_back(probe);
    }
  }
  return wanted;
}

}  // namespace

// The loaded object and who uses its slots.
struct AllocProbe::Loaded {
  Skeleton<plimsoll_alloc> skeleton;
  UprobeRung rung = UprobeRung::kUprobeMulti;
  uint32_t max_count_rows = 0;
  TargetTable targets;

  int counts_fd() const { return bpf_map__fd(skeleton->maps.counts); }
  int stacks_fd() const { return bpf_map__fd(skeleton->maps.stacks); }
  int types_fd() const { return bpf_map__fd(skeleton->maps.known_types); }
};

struct AllocWindow::State {
  std::shared_ptr<AllocProbe::Loaded> loaded;
  int32_t pid = 0;  // 0: no slot yet
  core::HitCosts costs;
  std::array<core::ProbeCost, PLIMSOLL_PROBE_KINDS> cost_of_kind{};
  int64_t attached_at_ns = 0;
  int64_t detached_at_ns = 0;
  UprobeLinks links;  // last: detached before the maps may go

  ~State() {
    links.Detach();
    if (pid == 0) return;
    loaded->targets.Remove(pid);
    CleanMaps();
  }

  absl::Status Prepare(const core::PythonProcess& python,
                       const AllocWindowOptions& options);
  absl::Status Attach(const core::PythonProcess& python,
                      const std::vector<core::ProbePoint>& probes);
  absl::Status RunPilot(const AllocWindowOptions& options);
  WindowProgress Progress() const;
  void TakeCounts(WindowCounts& out);
  void CleanMaps();
};

absl::Status AllocWindow::State::Prepare(const core::PythonProcess& python,
                                         const AllocWindowOptions& options) {
  PLIMSOLL_RETURN_IF_ERROR(loaded->targets.Add(python, options.hit_budget));
  pid = python.pid;
  const auto tgid = static_cast<uint32_t>(pid);
  const uint8_t one = 1;
  for (const uint64_t type : options.known_types) {
    const plimsoll_type_key key = {.type = type, .tgid = tgid, .padding = 0};
    if (bpf_map_update_elem(loaded->types_fd(), &key, &one, BPF_ANY) != 0) {
      break;  // full: frees of the rest have no type
    }
  }
  return absl::OkStatus();
}

absl::Status AllocWindow::State::Attach(
    const core::PythonProcess& python,
    const std::vector<core::ProbePoint>& probes) {
  std::vector<UprobeSite> sites;
  for (const core::ProbePoint& probe : probes) {
    PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t cookie, ProbeCookie(probe));
    sites.push_back({probe.file_offset, probe.semaphore_offset, cookie});
    // Of several places of one kind, the dearest.
    core::ProbeCost& cost =
        cost_of_kind[static_cast<size_t>(probe.kind) % PLIMSOLL_PROBE_KINDS];
    cost = std::max(cost, probe.cost);
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      links, AttachUprobes(loaded->skeleton->progs.handle_alloc, loaded->rung,
                           python.open_path, pid, sites, false));
  attached_at_ns = NowNs();
  return absl::OkStatus();
}

WindowProgress AllocWindow::State::Progress() const {
  TrapCosts trap_ns{};
  for (size_t kind = 0; kind < PLIMSOLL_PROBE_KINDS; ++kind) {
    trap_ns[kind] = costs.PerHit(cost_of_kind[kind]) - costs.program_ns;
  }
  return ProgressOf(
      loaded->targets.Progress(pid), costs, trap_ns,
      (detached_at_ns != 0 ? detached_at_ns : NowNs()) - attached_at_ns);
}

absl::Status AllocWindow::State::RunPilot(const AllocWindowOptions& options) {
  if (!options.costs.known() || options.pilot_ns <= 0) return absl::OkStatus();
  while (NowNs() - attached_at_ns < options.pilot_ns) {
    std::this_thread::sleep_for(kPilotStep);
    const WindowProgress now = Progress();
    // Nobody waits for the end of a pilot that is far past the bound.
    if (now.elapsed_ns > options.pilot_ns / 3 &&
        now.core_share() > 2 * options.max_core_share) {
      break;
    }
  }
  const WindowProgress pilot = Progress();
  return core::JudgePilot(pilot.hits, pilot.elapsed_ns, pilot.cost_ns,
                          options.max_core_share);
}

void AllocWindow::State::TakeCounts(WindowCounts& out) {
  StacksByHash by_hash = ReadStacks(loaded->stacks_fd(), pid, true);
  absl::flat_hash_map<uint64_t, uint32_t> index_of;
  out.stacks.emplace_back();
  const auto keys = ListKeys<plimsoll_count_key>(
      loaded->counts_fd(), loaded->max_count_rows,
      [this](const plimsoll_count_key& key) {
        return key.tgid == static_cast<uint32_t>(pid);
      });
  for (const plimsoll_count_key& key : keys) {
    plimsoll_count row;
    if (bpf_map_lookup_elem(loaded->counts_fd(), &key, &row) != 0) continue;
    bpf_map_delete_elem(loaded->counts_fd(), &key);
    if (row.allocations == 0 && row.frees == 0) continue;
    uint32_t stack_index = 0;
    if (const auto stack = by_hash.find(key.stack_hash);
        stack != by_hash.end()) {
      const auto [at, is_new] = index_of.try_emplace(
          key.stack_hash, static_cast<uint32_t>(out.stacks.size()));
      if (is_new) out.stacks.push_back(stack->second);
      stack_index = at->second;
    }
    out.counts.push_back({
        .stack_index = stack_index,
        .probe = static_cast<core::ProbeKind>(key.kind),
        .type_address = key.type,
        .type = "",
        .block_bytes = key.block_bytes,
        .allocations = static_cast<int64_t>(row.allocations),
        .frees = static_cast<int64_t>(row.frees),
        .allocated_bytes = static_cast<int64_t>(row.allocated_bytes),
        .freed_bytes = static_cast<int64_t>(row.freed_bytes),
    });
  }
}

void AllocWindow::State::CleanMaps() {
  const auto tgid = static_cast<uint32_t>(pid);
  const auto mine = [tgid](const auto& key) { return key.tgid == tgid; };
  for (const auto& key : ListKeys<plimsoll_count_key>(
           loaded->counts_fd(), loaded->max_count_rows, mine)) {
    bpf_map_delete_elem(loaded->counts_fd(), &key);
  }
  for (const auto& key :
       ListKeys<plimsoll_type_key>(loaded->types_fd(), kMaxKnownTypes, mine)) {
    bpf_map_delete_elem(loaded->types_fd(), &key);
  }
  ReadStacks(loaded->stacks_fd(), pid, true);
}

AllocWindow::AllocWindow(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
AllocWindow::AllocWindow(AllocWindow&&) noexcept = default;
AllocWindow& AllocWindow::operator=(AllocWindow&&) noexcept = default;
AllocWindow::~AllocWindow() = default;

int32_t AllocWindow::pid() const { return state_ == nullptr ? 0 : state_->pid; }

WindowProgress AllocWindow::Progress() const {
  return state_ == nullptr ? WindowProgress{} : state_->Progress();
}

WindowCounts AllocWindow::Close() {
  WindowCounts out;
  if (state_ == nullptr) return out;
  state_->links.Detach();
  state_->detached_at_ns = NowNs();
  out.progress = state_->Progress();
  out.rung = UprobeRungName(state_->loaded->rung);
  if (out.progress.hits > 0) {
    out.cost_ns_per_hit =
        out.progress.cost_ns / static_cast<double>(out.progress.hits);
  }
  state_->TakeCounts(out);
  out.drops = state_->loaded->targets.Drops(state_->pid);
  out.process_gone = ProcessGone(state_->pid);
  state_.reset();
  return out;
}

AllocProbe::AllocProbe(std::shared_ptr<Loaded> loaded)
    : loaded_(std::move(loaded)) {}
AllocProbe::AllocProbe(AllocProbe&&) noexcept = default;
AllocProbe& AllocProbe::operator=(AllocProbe&&) noexcept = default;
AllocProbe::~AllocProbe() = default;

UprobeRung AllocProbe::rung() const { return loaded_->rung; }

absl::StatusOr<AllocProbe> AllocProbe::Create(const KernelSupport& kernel,
                                              AllocProbeOptions options) {
  auto loaded = std::make_shared<Loaded>();
  PLIMSOLL_ASSIGN_OR_RETURN(loaded->rung, kernel.Rung());
  PLIMSOLL_ASSIGN_OR_RETURN(loaded->skeleton,
                            Skeleton<plimsoll_alloc>::Open("alloc"));
  PrepareForRung(loaded->skeleton->progs.handle_alloc, loaded->rung);
  loaded->max_count_rows = options.max_count_rows;
  bpf_map__set_max_entries(loaded->skeleton->maps.counts,
                           options.max_count_rows);
  bpf_map__set_max_entries(loaded->skeleton->maps.stacks, options.max_stacks);
  PLIMSOLL_RETURN_IF_ERROR(loaded->skeleton.Load());
  loaded->targets = TargetTable(bpf_map__fd(loaded->skeleton->maps.targets),
                                bpf_map__fd(loaded->skeleton->maps.progress),
                                bpf_map__fd(loaded->skeleton->maps.drops));
  return AllocProbe(std::move(loaded));
}

absl::StatusOr<AllocWindow> AllocProbe::OpenWindow(
    const core::PythonProcess& python, const AllocWindowOptions& options) {
  if (python.build.free_threaded) {
    return absl::UnimplementedError(
        "free-threaded Python: allocations are not counted by type or stack");
  }
  const std::vector<core::ProbePoint> probes =
      WantedProbes(python.build, options.kinds);
  if (probes.empty()) {
    return absl::UnimplementedError(
        python.build.probe_refusal.empty()
            ? "this Python offers no place to probe its allocator"
            : python.build.probe_refusal);
  }
  auto state = std::make_unique<AllocWindow::State>();
  state->loaded = loaded_;
  state->costs = options.costs;
  // From here on, leaving destroys `state`: detached, maps cleaned.
  PLIMSOLL_RETURN_IF_ERROR(state->Prepare(python, options));
  PLIMSOLL_RETURN_IF_ERROR(state->Attach(python, probes));
  PLIMSOLL_RETURN_IF_ERROR(state->RunPilot(options));
  return AllocWindow(std::move(state));
}

}  // namespace plimsoll::bpf
