#include "agent/process_table.h"

#include <algorithm>
#include <utility>

#include "agent/identity_source.h"
#include "agent/pod_identity.h"
#include "agent/procfs/started_by.h"
#include "agent/procfs/workload_identity.h"

namespace plimsoll::agent {
namespace {

using core::Tier;

void AddPauses(const std::vector<core::GcPauses>& from,
               std::vector<core::GcPauses>& to) {
  to.resize(std::max(to.size(), from.size()));
  for (size_t i = 0; i < from.size(); ++i) {
    to[i].count += from[i].count;
    to[i].sum_ns += from[i].sum_ns;
    to[i].max_ns = std::max(to[i].max_ns, from[i].max_ns);
    to[i].collected += from[i].collected;
    for (size_t j = 0; j < from[i].log2_ns_counts.size(); ++j) {
      to[i].log2_ns_counts[j] += from[i].log2_ns_counts[j];
    }
  }
}

std::string NotProbed(const std::string& reason) {
  return reason.empty() ? "" : "not probed: " + reason;
}

constexpr char kPageFaults[] = "page-faults";

std::string NativeStacksOnly(const std::string& refusal) {
  return "native stacks only: " + refusal;
}

}  // namespace

ProcessTable::ProcessTable(const Config& config, procfs::ProcRoot proc,
                           procfs::CgroupReader cgroups,
                           core::ProbePort* probes, std::string no_probes,
                           const core::PodDirectory* pods,
                           core::RequestPort* requests, core::Clock* clock,
                           int64_t ticks_per_second)
    : config_(config),
      proc_(std::move(proc)),
      cgroups_(std::move(cgroups)),
      probes_(probes),
      no_probes_(std::move(no_probes)),
      pods_(pods),
      clock_(clock),
      ticks_per_second_(ticks_per_second),
      requests_(config, proc_, requests, clock, ticks_per_second) {}

void ProcessTable::Add(const core::ProcessId& id,
                       absl::StatusOr<core::PythonProcess> python) {
  WatchedProcess& process = processes_[id];
  process.schedule =
      core::CensusSchedule(config_.headers_period_ns, config_.census_period_ns,
                           clock_->BoottimeNs());
  if (python.ok()) {
    process.python = *std::move(python);
  } else {
    process.refusal = std::string(python.status().message());
    process.refused_by_name = absl::IsUnimplemented(python.status());
    ++process.losses["unsupported_python"];
  }
  Describe(id, process);
  SetStaticTiers(process);
  if (process.python) AttachTier1(id, process);
  if (process.refused_by_name) AttachNativeGrowth(id, process);
  // The first sample now: the census that follows compares later ones with it.
  // A process that has ended meanwhile goes with the next round.
  SampleOne(id, process);
  round_cgroups_.clear();
}

void ProcessTable::Describe(const core::ProcessId& id,
                            WatchedProcess& process) {
  core::ProcessDescription& description = process.description;
  description.id = id;
  description.workload.cluster = config_.cluster;
  description.region = config_.region;
  description.zone = config_.zone;
  const procfs::IdentitySource source =
      ReadIdentitySource(id.pid, proc_, config_.docker_dir, process);
  description.start_unix_ns =
      clock_->WallOffsetNs() +
      static_cast<int64_t>(static_cast<double>(id.start_ticks) *
                           (1e9 / static_cast<double>(ticks_per_second_)));
  procfs::Identify(source, description);
  if (const std::string by = procfs::StartedBy(proc_, id.pid);
      !by.empty() && description.workload.source == "argv") {
    description.workload.kind = by;
  }
  if (pods_ != nullptr) AskForPod(*pods_, process);
  procfs::ApplyWorkloadRules(config_.workload_rules, process.cgroup_names,
                             description);
}

// A pod may become known after its processes.
void ProcessTable::AskForPodsAgain() {
  if (pods_ == nullptr || pods_->generation() == pods_generation_) return;
  pods_generation_ = pods_->generation();
  for (auto& [id, process] : processes_) {
    if (!AskForPod(*pods_, process)) continue;
    process.described = false;
    procfs::ApplyWorkloadRules(config_.workload_rules, process.cgroup_names,
                               process.description);
  }
}

void ProcessTable::SetStaticTiers(WatchedProcess& process) {
  const bool readable = process.python.has_value();
  for (const Tier tier : {Tier::kHeaders, Tier::kCensus}) {
    process.SetTier(tier, readable, process.refusal, readable ? "read" : "");
  }
  process.SetTier(Tier::kHolders, false,
                  "this version does not search for holders", "");
  SetProbedTiers(process);
}

// Again at each report: probing may have ended for the whole node.
void ProcessTable::SetProbedTiers(WatchedProcess& process) {
  const bool readable = process.python.has_value();
  std::string stacks = !readable ? process.refusal : no_probes_;
  std::string native = stacks;
  if (readable && probes_ != nullptr) {
    const std::string& malloc = process.python->native_allocator;
    stacks = probes_->refusal();
    if (stacks.empty()) stacks = process.python->build.probe_refusal;
    native = malloc == "glibc"
                 ? probes_->watch_refusal()
                 : "its malloc is " + malloc + ", only glibc's is followed";
  }
  if (process.native_growth) {
    process.SetTier(Tier::kStacks, false, NativeStacksOnly(process.refusal),
                    kPageFaults);
  } else {
    // Windows may work where births cannot be followed: that is said, too.
    std::string births = stacks.empty() ? process.births_refusal : "";
    if (stacks.empty() && births.empty() && !probes_->watch_refusal().empty()) {
      births = "births are not followed: " + probes_->watch_refusal();
    }
    process.SetTier(Tier::kStacks, stacks.empty(),
                    stacks.empty() ? births : NotProbed(stacks),
                    stacks.empty() ? probes_->rung() : "");
  }
  process.SetTier(Tier::kNative, native.empty(),
                  native.empty() ? process.native_refusal : NotProbed(native),
                  native.empty() ? "watchpoints" : "");
}

void ProcessTable::AttachTier1(const core::ProcessId& id,
                               WatchedProcess& process) {
  if (probes_ == nullptr) {
    process.SetTier(Tier::kGc, false, NotProbed(no_probes_), "");
    return;
  }
  auto gc = probes_->AttachGc(id, *process.python);
  // Growth samples are part of tier 1; their rung is told with it.
  auto growth = probes_->AttachGrowth(id, *process.python);
  process.gc_rung = gc.value_or("");
  process.growth_rung = growth.value_or("");
  std::string rung = process.gc_rung;
  if (growth.ok()) rung += (rung.empty() ? "" : ", ") + *growth;
  process.SetTier(Tier::kGc, gc.ok(),
                  gc.ok() ? "" : NotProbed(std::string(gc.status().message())),
                  rung);
}

void ProcessTable::AttachNativeGrowth(const core::ProcessId& id,
                                      WatchedProcess& process) {
  absl::StatusOr<std::string> growth = probes_ == nullptr
                                           ? absl::UnavailableError(no_probes_)
                                           : probes_->AttachNativeGrowth(id);
  process.native_growth = growth.ok();
  TellNativeGrowth(std::string(growth.status().message()), process);
  SetProbedTiers(process);
}

// `refusal`: why its page faults are not sampled now; "": they are.
void ProcessTable::TellNativeGrowth(const std::string& refusal,
                                    WatchedProcess& process) {
  if (refusal.empty()) {
    process.SetTier(Tier::kGc, false, NativeStacksOnly(process.refusal),
                    kPageFaults);
  } else {
    process.SetTier(Tier::kGc, false,
                    process.refusal + "; no native stacks: " + refusal, "");
  }
}

void ProcessTable::Remove(const core::ProcessId& id) {
  auto it = processes_.find(id);
  if (it == processes_.end()) return;
  WatchedProcess& process = it->second;
  if (probes_ != nullptr) probes_->Detach(id);
  requests_.Forget(id);
  // The last that was measured: the kernel has nothing more to tell.
  process.memory = process.last_memory.value_or(core::MemorySample());
  process.memory->exited = true;
  process.memory->oom_killed = process.oom_killed;
  // Its cgroup outlives it for a moment and knows of the kill.
  if (auto cgroup = cgroups_.Read(process.cgroup); cgroup.ok()) {
    process.memory->cgroup = *std::move(cgroup);
  }
  ended_.push_back(TakeSnapshot(id, process, true));
  // One that came and went between two reports is still told about.
  if (!process.described) {
    ended_descriptions_.push_back(
        {process.description,
         process.python ? std::optional(process.python->build) : std::nullopt,
         process.python ? process.python->allocator : "", process.refusal,
         process.TierList()});
  }
  processes_.erase(it);
}

void ProcessTable::MarkOomVictim(int32_t pid) {
  for (auto& [id, process] : processes_) {
    if (id.pid == pid) process.oom_killed = true;
  }
}

WatchedProcess* ProcessTable::Find(const core::ProcessId& id) {
  auto it = processes_.find(id);
  return it == processes_.end() ? nullptr : &it->second;
}

std::vector<core::ProcessId> ProcessTable::SampleMemory() {
  round_cgroups_.clear();
  std::vector<core::ProcessId> gone;
  for (auto& [id, process] : processes_) {
    if (!SampleOne(id, process)) gone.push_back(id);
  }
  round_cgroups_.clear();
  return gone;
}

std::optional<core::CgroupMemory> ProcessTable::ReadCgroup(
    const procfs::CgroupMembership& membership) {
  auto [known, fresh] = round_cgroups_.try_emplace(
      std::to_string(membership.version) + membership.path);
  if (fresh) {
    auto cgroup = cgroups_.Read(membership);
    if (cgroup.ok()) known->second = *std::move(cgroup);
  }
  return known->second;
}

bool ProcessTable::SampleOne(const core::ProcessId& id,
                             WatchedProcess& process) {
  auto memory = proc_.ReadMemory(id.pid, id.start_ticks);
  if (!memory.ok()) {
    if (absl::IsNotFound(memory.status())) return false;
    process.SetTier(Tier::kMemory, false,
                    std::string(memory.status().message()), "");
    return true;
  }
  process.memory = *std::move(memory);
  process.SetTier(Tier::kMemory, true, "", "read");
  process.memory->cgroup = ReadCgroup(process.cgroup);
  process.last_memory = process.memory;
  process.schedule.ObserveBytes(
      clock_->BoottimeNs(),
      process.memory->anon_bytes + process.memory->swap_bytes);
  return true;
}

core::Snapshot ProcessTable::TakeSnapshot(const core::ProcessId& id,
                                          WatchedProcess& process,
                                          bool exited) {
  core::Snapshot snapshot;
  snapshot.process = id;
  snapshot.boottime_ns = clock_->BoottimeNs();
  snapshot.memory = std::exchange(process.memory, std::nullopt);
  snapshot.census = std::exchange(process.census, std::nullopt);
  snapshot.census_headers_only = process.census_headers_only;
  if (!exited) {
    SetProbedTiers(process);
    CollectTier1(id, process, snapshot);
    requests_.Look(id, process, snapshot);
  }
  snapshot.losses = std::exchange(process.losses, {});
  if (std::exchange(process.tiers_changed, false)) {
    snapshot.tiers = process.TierList();
  }
  return snapshot;
}

// A probe that was detached for its cost is not called working.
void ProcessTable::TellTier1(const core::Tier1Sample& sample,
                             WatchedProcess& process) {
  if (process.gc_rung.empty()) return;  // said when it could not be attached
  std::string rung = sample.gc_refusal.empty() ? process.gc_rung : "";
  if (!process.growth_rung.empty() && sample.growth_refusal.empty()) {
    rung += (rung.empty() ? "" : ", ") + process.growth_rung;
  }
  std::string reason = NotProbed(sample.gc_refusal);
  if (reason.empty() && !sample.growth_refusal.empty()) {
    reason = "growth is not sampled: " + sample.growth_refusal;
  }
  process.SetTier(Tier::kGc, sample.gc_refusal.empty(), reason, rung);
}

void ProcessTable::CollectTier1(const core::ProcessId& id,
                                WatchedProcess& process,
                                core::Snapshot& snapshot) {
  if (probes_ != nullptr && (process.python || process.native_growth)) {
    core::Tier1Sample sample = probes_->Collect(id);
    for (const auto& [reason, count] : sample.losses) {
      process.losses[reason] += count;
    }
    AddPauses(sample.pauses, process.pauses);
    if (process.python) {
      TellTier1(sample, process);
    } else {
      TellNativeGrowth(sample.growth_refusal, process);
    }
    if (sample.growth) profiles_.push_back({id, *std::move(sample.growth)});
  }
  bool state = snapshot.census && !snapshot.census->gc.generations.empty();
  process.gc_state_seen |= state;
  bool pauses_alone = !process.gc_state_seen && !process.pauses.empty();
  if (!state && !pauses_alone) return;
  snapshot.gc.emplace();
  if (state) snapshot.gc->state = snapshot.census->gc;
  snapshot.gc->source = process.pauses.empty() ? "generation_stats"
                                               : process.tiers[Tier::kGc].rung;
  snapshot.gc->pauses = std::exchange(process.pauses, {});
}

std::vector<core::Snapshot> ProcessTable::TakeSnapshots() {
  // In order of time: a process may have answered before it ended.
  std::vector<core::Snapshot> snapshots = requests_.TakeAnswers();
  for (core::Snapshot& ended : std::exchange(ended_, {})) {
    snapshots.push_back(std::move(ended));
  }
  for (auto& [id, process] : processes_) {
    snapshots.push_back(TakeSnapshot(id, process, false));
  }
  return snapshots;
}

std::vector<core::DescribedProcess> ProcessTable::TakeDescriptions() {
  AskForPodsAgain();
  std::vector<core::DescribedProcess> described =
      std::exchange(ended_descriptions_, {});
  for (auto& [id, process] : processes_) {
    if (std::exchange(process.described, true)) continue;
    described.push_back(
        {process.description,
         process.python ? std::optional(process.python->build) : std::nullopt,
         process.python ? process.python->allocator : "", process.refusal,
         process.TierList()});
  }
  return described;
}

void ProcessTable::ForgetDescribed() {
  for (auto& [id, process] : processes_) {
    process.described = false;
    process.tiers_changed = true;
  }
}

std::vector<ProcessTable::PendingProfile> ProcessTable::TakeProfiles() {
  return std::exchange(profiles_, {});
}

}  // namespace plimsoll::agent
