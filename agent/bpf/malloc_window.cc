#include "agent/bpf/malloc_window.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/malloc_maps.h"
#include "agent/bpf/native_record.h"
#include "agent/bpf/targets.h"
#include "agent/bpf/uprobe_link.h"
#include "agent/core/text_ranges.h"
#include "bpf/malloc.skel.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/bpf_malloc.h"

namespace plimsoll::bpf {
namespace {

using core::MallocFunction;

constexpr std::chrono::milliseconds kPilotStep{5};

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Whether the arguments are needed at the return.
bool NeedsCall(MallocFunction function, bool asked) {
  return function != MallocFunction::kFree &&
         (asked || function == MallocFunction::kRealloc ||
          function == MallocFunction::kPosixMemalign);
}

struct Sites {
  std::vector<UprobeSite> calls, returns, frees;
};

Sites SitesOf(const core::MallocSites& sites, uint32_t sample_every) {
  Sites out;
  for (const core::MallocSite& site : sites.sites) {
    const uint64_t cookie = PLIMSOLL_COOKIE(
        static_cast<uint64_t>(site.function), 0,
        sites.chunk_heads ? 0 : PLIMSOLL_MALLOC_ASKED, sample_every);
    const UprobeSite at = {site.file_offset, 0, cookie};
    if (site.function == MallocFunction::kFree) {
      out.frees.push_back(at);
      continue;
    }
    if (NeedsCall(site.function, !sites.chunk_heads)) out.calls.push_back(at);
    out.returns.push_back(at);
  }
  return out;
}

}  // namespace

struct MallocProbe::Loaded {
  Skeleton<plimsoll_malloc> skeleton;
  UprobeRung rung = UprobeRung::kUprobeMulti;
  TargetTable targets;
  bool busy = false;
};

struct MallocWindow::State {
  std::shared_ptr<MallocProbe::Loaded> loaded;
  int32_t pid = 0;  // 0: no slot yet
  MallocWindowOptions options;
  bool chunk_heads = false;
  std::string allocator;
  TrapCosts trap_ns{};
  int64_t attached_at_ns = 0;
  int64_t detached_at_ns = 0;
  MallocMaps maps;
  std::unique_ptr<MallocSamples> samples;
  // Last: detached before the maps may go. Calls before returns, so that no
  // return misses its call.
  UprobeLinks calls, returns, frees;

  ~State() {
    Detach();
    if (pid == 0) return;
    loaded->targets.Remove(pid);
    maps.Clean(pid);
    loaded->busy = false;
  }
  void Detach() {
    returns.Detach();
    calls.Detach();
    frees.Detach();
  }
  absl::Status Attach(const core::MallocSites& sites);
  absl::Status RunPilot();
  WindowProgress Progress() const;
  void LookForSurvivors(Check check, MallocMaps::RowIndex& rows,
                        core::MallocCounts& counts);
};

absl::Status MallocWindow::State::Attach(const core::MallocSites& sites) {
  for (const core::MallocSite& site : sites.sites) {
    const size_t kind =
        static_cast<size_t>(site.function) % PLIMSOLL_PROBE_KINDS;
    trap_ns[kind] =
        options.costs.PerHit(site.cost) - options.costs.program_ns +
        (site.function == MallocFunction::kFree ? 0 : options.return_ns);
  }
  const Sites at = SitesOf(sites, options.sample_every);
  const auto& programs = loaded->skeleton->progs;
  PLIMSOLL_ASSIGN_OR_RETURN(
      frees, AttachUprobes(programs.handle_malloc_free, loaded->rung,
                           sites.open_path, pid, at.frees, false));
  if (!at.calls.empty()) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        calls, AttachUprobes(programs.handle_malloc_call, loaded->rung,
                             sites.open_path, pid, at.calls, false));
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      returns, AttachUprobes(programs.handle_malloc_return, loaded->rung,
                             sites.open_path, pid, at.returns, true));
  attached_at_ns = NowNs();
  return absl::OkStatus();
}

WindowProgress MallocWindow::State::Progress() const {
  return ProgressOf(
      loaded->targets.Progress(pid), options.costs, trap_ns,
      (detached_at_ns != 0 ? detached_at_ns : NowNs()) - attached_at_ns);
}

absl::Status MallocWindow::State::RunPilot() {
  if (!options.costs.known() || options.pilot_ns <= 0) return absl::OkStatus();
  while (NowNs() - attached_at_ns < options.pilot_ns) {
    std::this_thread::sleep_for(kPilotStep);
    samples->Poll();
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

// The order is the proof: listed, looked at in memory, and there still, all
// while every free is seen.
void MallocWindow::State::LookForSurvivors(Check check,
                                           MallocMaps::RowIndex& rows,
                                           core::MallocCounts& counts) {
  const std::vector<LiveBlock> old =
      maps.BlocksBornBefore(pid, NowNs() - counts.rest_ns);
  std::vector<core::BlockClaim> claims;
  for (const LiveBlock& block : old) {
    claims.push_back({block.address, static_cast<uint64_t>(block.bytes)});
  }
  const absl::StatusOr<std::vector<bool>> in_use =
      claims.empty() ? std::vector<bool>() : check(claims);
  if (!in_use.ok() || in_use->size() != claims.size()) {
    counts.refusal = "the chunks could not be looked at: " +
                     std::string(in_use.status().message());
    return;
  }
  std::vector<LiveBlock> stayed;
  for (size_t i = 0; i < old.size(); ++i) {
    if ((*in_use)[i] && maps.IsThere(pid, old[i])) stayed.push_back(old[i]);
  }
  // What the budget turned away meanwhile may have been a free of one of them.
  if (Progress().budget_spent) return;
  for (const LiveBlock& block : stayed) {
    const auto row = rows.find({block.stack_hash, block.caller});
    if (row == rows.end()) continue;
    core::MallocTally& tally = counts.rows[row->second].tally;
    ++tally.surviving_blocks;
    tally.surviving_bytes += block.bytes;
  }
}

MallocWindow::MallocWindow(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
MallocWindow::MallocWindow(MallocWindow&&) noexcept = default;
MallocWindow& MallocWindow::operator=(MallocWindow&&) noexcept = default;
MallocWindow::~MallocWindow() = default;

void MallocWindow::Poll() {
  if (state_ != nullptr) state_->samples->Poll();
}

WindowProgress MallocWindow::Progress() const {
  return state_ == nullptr ? WindowProgress{} : state_->Progress();
}

MallocWindowResult MallocWindow::Close(Check check) {
  MallocWindowResult out;
  if (state_ == nullptr) return out;
  State& state = *state_;
  core::MallocCounts& counts = out.counts;
  // Rows of the blocks that are old enough exist before the blocks are listed.
  MallocMaps::RowIndex rows = state.maps.ReadRows(state.pid, counts);
  state.maps.ReadTotals(counts);
  counts.sample_every = std::max<uint32_t>(state.options.sample_every, 1);
  counts.rest_ns = state.options.rest_ns > 0
                       ? state.options.rest_ns
                       : (NowNs() - state.attached_at_ns) / 2;
  counts.refusal = core::SurvivorRefusal(counts, state.Progress().budget_spent,
                                         state.chunk_heads, state.allocator);
  if (counts.refusal.empty()) {
    state.LookForSurvivors(std::move(check), rows, counts);
  }
  state.Detach();
  state.detached_at_ns = NowNs();
  out.progress = state.Progress();
  out.rung = UprobeRungName(state.loaded->rung);
  if (out.progress.hits > 0) {
    out.cost_ns_per_hit =
        out.progress.cost_ns / static_cast<double>(out.progress.hits);
  }
  state.maps.ReadTotals(counts);
  state.maps.UpdateRows(state.pid, rows, counts);
  state.samples->Poll();
  state.samples->Fill(
      ReadStacks(bpf_map__fd(state.loaded->skeleton->maps.stacks), state.pid,
                 true),
      rows, counts);
  counts.drops = state.loaded->targets.Drops(state.pid);
  // Once more, with all that was seen by the end.
  if (counts.refusal.empty()) {
    counts.refusal = core::SurvivorRefusal(counts, out.progress.budget_spent,
                                           state.chunk_heads, state.allocator);
  }
  if (!counts.refusal.empty()) {
    for (core::MallocRow& row : counts.rows) {
      row.tally.surviving_blocks = row.tally.surviving_bytes = 0;
    }
  }
  out.process_gone = ProcessGone(state.pid);
  state_.reset();
  return out;
}

MallocProbe::MallocProbe(std::shared_ptr<Loaded> loaded)
    : loaded_(std::move(loaded)) {}
MallocProbe::MallocProbe(MallocProbe&&) noexcept = default;
MallocProbe& MallocProbe::operator=(MallocProbe&&) noexcept = default;
MallocProbe::~MallocProbe() = default;

absl::StatusOr<MallocProbe> MallocProbe::Create(const KernelSupport& kernel) {
  if (!kernel.return_probes()) {
    return absl::FailedPreconditionError(kernel.return_probe_refusal);
  }
  auto loaded = std::make_shared<Loaded>();
  PLIMSOLL_ASSIGN_OR_RETURN(loaded->rung, kernel.Rung());
  PLIMSOLL_ASSIGN_OR_RETURN(loaded->skeleton,
                            Skeleton<plimsoll_malloc>::Open("malloc"));
  const auto& programs = loaded->skeleton->progs;
  for (bpf_program* program :
       {programs.handle_malloc_call, programs.handle_malloc_return,
        programs.handle_malloc_free}) {
    PrepareForRung(program, loaded->rung);
  }
  PLIMSOLL_RETURN_IF_ERROR(loaded->skeleton.Load());
  const auto& maps = loaded->skeleton->maps;
  loaded->targets =
      TargetTable(bpf_map__fd(maps.targets), bpf_map__fd(maps.progress),
                  bpf_map__fd(maps.drops));
  return MallocProbe(std::move(loaded));
}

absl::StatusOr<MallocWindow> MallocProbe::OpenWindow(
    const core::PythonProcess& python, const core::MallocSites& sites,
    MallocWindowOptions options) {
  if (loaded_->busy) {
    return absl::AlreadyExistsError("a window on malloc is open already");
  }
  auto state = std::make_unique<MallocWindow::State>();
  state->loaded = loaded_;
  state->options = std::move(options);
  state->chunk_heads = sites.chunk_heads;
  state->allocator = sites.allocator;
  const auto& maps = loaded_->skeleton->maps;
  state->maps = {.rows_fd = bpf_map__fd(maps.rows),
                 .blocks_fd = bpf_map__fd(maps.blocks),
                 .calls_fd = bpf_map__fd(maps.calls),
                 .totals_fd = bpf_map__fd(maps.totals),
                 .text_fd = bpf_map__fd(maps.text),
                 .stacks_fd = bpf_map__fd(maps.stacks)};
  PLIMSOLL_ASSIGN_OR_RETURN(
      state->samples,
      MallocSamples::Make(bpf_map__fd(maps.samples), python.pid));
  PLIMSOLL_RETURN_IF_ERROR(
      loaded_->targets.Add(python, state->options.hit_budget));
  state->pid = python.pid;
  loaded_->busy = true;
  // From here on, leaving destroys `state`: detached, maps cleaned.
  state->maps.Clean(python.pid);
  PLIMSOLL_RETURN_IF_ERROR(state->maps.SetText(
      core::TextRanges(state->options.mappings, PLIMSOLL_TEXT_RANGES)));
  PLIMSOLL_RETURN_IF_ERROR(state->Attach(sites));
  PLIMSOLL_RETURN_IF_ERROR(state->RunPilot());
  return MallocWindow(std::move(state));
}

double ExpectedHitNs(const core::MallocSites& sites,
                     const core::HitCosts& costs, double return_ns) {
  double allocation_ns = 0, free_ns = 0;
  for (const core::MallocSite& site : sites.sites) {
    const double hit_ns = costs.PerHit(site.cost);
    if (site.function == MallocFunction::kMalloc) {
      allocation_ns = hit_ns + return_ns;
    } else if (site.function == MallocFunction::kFree) {
      free_ns = hit_ns;
    }
  }
  return (allocation_ns + free_ns) / 2;
}

}  // namespace plimsoll::bpf
