#include "agent/bpf/gc_probe.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/targets.h"
#include "agent/bpf/uprobe_link.h"
#include "bpf/gc.skel.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/bpf_events.h"

namespace plimsoll::bpf {
namespace {

using Rows = std::array<plimsoll_gc_pauses, PLIMSOLL_GC_GENERATIONS>;

const core::ProbePoint* FindProbe(const core::PythonBuild& build,
                                  core::ProbeKind kind) {
  const auto found =
      std::find_if(build.probes.begin(), build.probes.end(),
                   [kind](const auto& probe) { return probe.kind == kind; });
  return found == build.probes.end() ? nullptr : &*found;
}

// The GC places of a build, as Watch uses them.
struct GcPlaces {
  explicit GcPlaces(const core::PythonBuild& build)
      : start(FindProbe(build, core::ProbeKind::kGcStart)),
        done(FindProbe(build, core::ProbeKind::kGcDone)),
        collect(FindProbe(build, core::ProbeKind::kGcCollect)) {
    for (const core::ProbePoint& probe : build.probes) {
      if (probe.kind == core::ProbeKind::kGcCollect &&
          probe.cost != core::ProbeCost::kEmulated) {
        collect_cost = probe.cost;  // of its clones, the dearest
      }
    }
  }
  bool usdt() const { return start != nullptr && done != nullptr; }
  // By kind as BPF counts them. The return probe's trap at the function's entry
  // may stand on another instruction than the chosen one: the dearer kind.
  core::ProbeCost CostOf(core::ProbeKind kind) const {
    if (usdt()) return (kind == core::ProbeKind::kGcStart ? start : done)->cost;
    if (kind == core::ProbeKind::kGcCollect && collect != nullptr) {
      return collect_cost;
    }
    return core::ProbeCost::kSingleStepped;
  }

  const core::ProbePoint* start;
  const core::ProbePoint* done;
  const core::ProbePoint* collect;
  core::ProbeCost collect_cost = core::ProbeCost::kEmulated;
};

constexpr std::array<core::ProbeKind, 3> kGcKinds = {
    core::ProbeKind::kGcStart, core::ProbeKind::kGcDone,
    core::ProbeKind::kGcCollect};

core::GcPauses Since(const plimsoll_gc_pauses& now,
                     const plimsoll_gc_pauses& before, uint32_t epoch) {
  core::GcPauses pauses;
  pauses.count = static_cast<int64_t>(now.count - before.count);
  pauses.sum_ns = static_cast<int64_t>(now.sum_ns - before.sum_ns);
  // None since: then the longest is one of an epoch long ago.
  if (pauses.count > 0 &&
      PLIMSOLL_GC_SAME_EPOCH(now.longest, PLIMSOLL_GC_LONGEST(epoch, 0))) {
    pauses.max_ns = static_cast<int64_t>(now.longest & PLIMSOLL_GC_PAUSE_MASK);
  }
  pauses.collected = now.collected - before.collected;
  for (size_t i = 0; i < pauses.log2_ns_counts.size(); ++i) {
    pauses.log2_ns_counts[i] =
        static_cast<int64_t>(now.log2_ns[i] - before.log2_ns[i]);
  }
  return pauses;
}
static_assert(std::tuple_size_v<decltype(core::GcPauses::log2_ns_counts)> ==
              PLIMSOLL_GC_BUCKETS);

}  // namespace

struct GcProbe::State {
  struct Watched {
    UprobeLinks entry;
    UprobeLinks at_return;
    Rows taken{};
    uint64_t hits_taken = 0;
    std::array<uint64_t, kGcKinds.size()> hits_by_kind_taken{};
    std::array<core::ProbeCost, kGcKinds.size()> costs{};
  };

  Skeleton<plimsoll_gc> skeleton;
  UprobeRung rung = UprobeRung::kPerf;
  std::string return_probe_refusal;
  TargetTable targets;
  absl::flat_hash_map<int32_t, Watched> watched;

  absl::Status AttachUsdt(const core::PythonProcess& python,
                          const core::ProbePoint& start,
                          const core::ProbePoint& done, Watched& out);
  // Attaches to the collector's function and to each clone of it.
  absl::Status AttachFunctions(const core::PythonProcess& python, Watched& out);
  Rows ReadRows(int32_t pid) const;
  void Forget(int32_t pid);
};

absl::Status GcProbe::State::AttachUsdt(const core::PythonProcess& python,
                                        const core::ProbePoint& start,
                                        const core::ProbePoint& done,
                                        Watched& out) {
  std::vector<UprobeSite> sites;
  // Both at once: a collection that begins between two attaches would never
  // end. `done` first, so that with perf none does either.
  for (const core::ProbePoint* probe : {&done, &start}) {
    PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t cookie, ProbeCookie(*probe));
    sites.push_back({probe->file_offset, probe->semaphore_offset, cookie});
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      out.entry, AttachUprobes(skeleton->progs.handle_gc, rung,
                               python.open_path, python.pid, sites, false));
  return absl::OkStatus();
}

absl::Status GcProbe::State::AttachFunctions(const core::PythonProcess& python,
                                             Watched& out) {
  if (!return_probe_refusal.empty()) {
    return absl::FailedPreconditionError(return_probe_refusal);
  }
  std::vector<UprobeSite> entries;
  std::vector<UprobeSite> returns;
  for (const core::ProbePoint& p : python.build.probes) {
    if (p.kind != core::ProbeKind::kGcCollect) continue;
    PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t cookie, ProbeCookie(p));
    UprobeSite at_return;
    at_return.file_offset =
        p.entry_offset != 0 ? p.entry_offset : p.file_offset;
    returns.push_back(at_return);
    entries.push_back({p.file_offset, 0, cookie});
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      out.at_return,
      AttachUprobes(skeleton->progs.handle_gc_return, rung, python.open_path,
                    python.pid, returns, true));
  PLIMSOLL_ASSIGN_OR_RETURN(
      out.entry, AttachUprobes(skeleton->progs.handle_gc, rung,
                               python.open_path, python.pid, entries, false));
  return absl::OkStatus();
}

Rows GcProbe::State::ReadRows(int32_t pid) const {
  Rows rows = {};
  for (uint32_t generation = 0; generation < rows.size(); ++generation) {
    const plimsoll_gc_key key = {static_cast<uint32_t>(pid), generation};
    bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.pauses), &key,
                        &rows[generation]);
  }
  return rows;
}

void GcProbe::State::Forget(int32_t pid) {
  watched.erase(pid);  // detaches
  targets.Remove(pid);
  for (uint32_t generation = 0; generation < PLIMSOLL_GC_GENERATIONS;
       ++generation) {
    const plimsoll_gc_key key = {static_cast<uint32_t>(pid), generation};
    bpf_map_delete_elem(bpf_map__fd(skeleton->maps.pauses), &key);
  }
}

core::ProbeCost GcProbeCost(const core::PythonBuild& build) {
  const GcPlaces places(build);
  const bool emulated =
      places.usdt() &&
      places.CostOf(core::ProbeKind::kGcStart) == core::ProbeCost::kEmulated &&
      places.CostOf(core::ProbeKind::kGcDone) == core::ProbeCost::kEmulated;
  return emulated ? core::ProbeCost::kEmulated
                  : core::ProbeCost::kSingleStepped;
}

GcProbe::GcProbe(std::unique_ptr<State> state) : state_(std::move(state)) {}
GcProbe::GcProbe(GcProbe&&) noexcept = default;
GcProbe& GcProbe::operator=(GcProbe&&) noexcept = default;
GcProbe::~GcProbe() = default;

absl::StatusOr<GcProbe> GcProbe::Create(const KernelSupport& kernel) {
  auto state = std::make_unique<State>();
  PLIMSOLL_ASSIGN_OR_RETURN(state->rung, kernel.Rung());
  PLIMSOLL_ASSIGN_OR_RETURN(state->skeleton, Skeleton<plimsoll_gc>::Open("gc"));
  state->return_probe_refusal = kernel.return_probe_refusal;
  PrepareForRung(state->skeleton->progs.handle_gc, state->rung);
  PrepareForRung(state->skeleton->progs.handle_gc_return, state->rung);
  PLIMSOLL_RETURN_IF_ERROR(state->skeleton.Load());
  state->targets = TargetTable(bpf_map__fd(state->skeleton->maps.targets),
                               bpf_map__fd(state->skeleton->maps.progress),
                               bpf_map__fd(state->skeleton->maps.drops));
  return GcProbe(std::move(state));
}

absl::StatusOr<std::string> GcProbe::Watch(const core::PythonProcess& python,
                                           uint64_t hit_budget) {
  const core::PythonBuild& build = python.build;
  const GcPlaces places(build);
  const bool usdt = places.usdt();
  if (!usdt && places.collect == nullptr) {
    for (const std::string& reason :
         {build.gc_probe_refusal, build.probe_refusal}) {
      if (!reason.empty()) return absl::UnimplementedError(reason);
    }
    return absl::UnimplementedError(
        "this Python offers no place to probe its collector");
  }
  PLIMSOLL_RETURN_IF_ERROR(state_->targets.Add(python, hit_budget));
  State::Watched& watched = state_->watched[python.pid];
  const absl::Status attached =
      usdt ? state_->AttachUsdt(python, *places.start, *places.done, watched)
           : state_->AttachFunctions(python, watched);
  if (!attached.ok()) {
    state_->Forget(python.pid);
    return attached;
  }
  for (size_t i = 0; i < kGcKinds.size(); ++i) {
    watched.costs[i] = places.CostOf(kGcKinds[i]);
  }
  return usdt ? "usdt" : "uprobe";
}

absl::StatusOr<GcTaken> GcProbe::Take(int32_t pid) {
  const auto found = state_->watched.find(pid);
  if (found == state_->watched.end()) {
    return absl::NotFoundError(absl::StrCat("pid ", pid, " is not watched"));
  }
  State::Watched& watched = found->second;
  GcTaken taken;
  const Rows rows = state_->ReadRows(pid);
  const uint32_t epoch = state_->targets.NextEpoch(pid);
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool is_unknown = i + 1 == rows.size();
    if (is_unknown && rows[i].count == 0) break;
    taken.pauses.push_back(Since(rows[i], watched.taken[i], epoch));
  }
  const plimsoll_progress progress = state_->targets.Progress(pid);
  taken.hits = progress.hits - watched.hits_taken;
  for (size_t i = 0; i < kGcKinds.size(); ++i) {
    const uint64_t hits =
        progress.hits_by_kind[static_cast<size_t>(kGcKinds[i])];
    taken.hits_by_cost[static_cast<size_t>(watched.costs[i])] +=
        hits - std::exchange(watched.hits_by_kind_taken[i], hits);
  }
  taken.budget_spent = progress.budget_spent_ns != 0;
  taken.drops = state_->targets.Drops(pid);
  watched.taken = rows;
  watched.hits_taken = progress.hits;
  return taken;
}

void GcProbe::Unwatch(int32_t pid) { state_->Forget(pid); }

}  // namespace plimsoll::bpf
