#include "agent/bpf_probes.h"

#include <signal.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "agent/core/load_refusal.h"
#include "agent/core/native_growth.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

using core::Tier;

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kGrowthProfileNs = 60 * kNsPerSecond;
// Of a page fault's sample, where it could not be measured.
constexpr double kAssumedFaultNs = 2'000;
// Of its program, until one in sixteen hits has been timed.
constexpr double kAssumedWalkNs = 1'000;
constexpr uint64_t kMaxGrowthPeriod = 4096;

// Drop counters accumulate in the probe; what is new since the last look.
void AddNewDrops(const std::map<std::string, int64_t>& now,
                 std::map<std::string, int64_t>& seen,
                 std::map<std::string, int64_t>& losses) {
  for (const auto& [reason, count] : now) {
    int64_t fresh = count - seen[reason];
    if (fresh > 0) losses[reason] += fresh;
    seen[reason] = count;
  }
}

template <typename T>
std::string Keep(absl::StatusOr<T> made, std::optional<T>& out) {
  if (!made.ok()) return std::string(made.status().message());
  out.emplace(*std::move(made));
  return "";
}

}  // namespace

BpfProbes::BpfProbes(const bpf::KernelSupport& kernel,
                     const absl::StatusOr<core::HitCosts>& costs,
                     procfs::ProcRoot proc, core::Clock* clock,
                     WindowWorker::Post post, core::GovernorOptions options)
    : costs_(costs.ok() ? *costs : core::HitCosts()),
      proc_(std::move(proc)),
      clock_(clock),
      governor_(options),
      rung_refusals_(kernel.RungRefusals()),
      native_growth_(kernel, proc_, clock, &governor_, &usage_) {
  if (!costs.ok()) {
    gc_refusal_ = window_refusal_ = core::NoHitCosts(costs.status());
  } else {
    gc_refusal_ = Keep(bpf::GcProbe::Create(kernel), gc_);
    std::optional<bpf::AllocProbe> alloc;
    window_refusal_ = Keep(bpf::AllocProbe::Create(kernel), alloc);
    if (alloc) {
      rung_ = bpf::UprobeRungName(alloc->rung());
      windows_.emplace(*std::move(alloc), std::move(post));
    }
  }
  growth_refusal_ = Keep(bpf::GrowthProbe::Create(kernel), growth_);
}

std::string BpfProbes::rung() const { return rung_; }

core::ProbeUsage BpfProbes::usage() const {
  core::ProbeUsage usage = usage_;
  usage.emulated_hit_ns = costs_.emulated_ns;
  usage.single_stepped_hit_ns = costs_.single_stepped_ns;
  if (births_ != nullptr) usage.watchpoint_hit_ns = births_->trap_ns();
  if (growth_) usage.page_fault_hit_ns = growth_->fault_ns();
  for (const auto& [tier, out] : {std::pair{Tier::kGc, &usage.tier1},
                                  std::pair{Tier::kStacks, &usage.tier4}}) {
    const core::GovernorAccount& account = governor_.account(tier);
    *out = {.granted = account.granted,
            .refused = account.refused,
            .revoked = account.revoked,
            .cost_ns = static_cast<int64_t>(account.spent_ns),
            .least_left = governor_.LeastLeft(tier, clock_->BoottimeNs())};
  }
  usage.revoked = native_growth_.revoked();
  for (const auto& [id, target] : targets_) {
    for (const Attached* probe : {&target.gc, &target.growth}) {
      usage.revoked += probe->wanted && !probe->attached ? 1 : 0;
    }
  }
  return usage;
}

absl::StatusOr<std::string> BpfProbes::AttachGc(
    const core::ProcessId& id, const core::PythonProcess& python) {
  Target& target = targets_[id];
  target.python = python;
  if (!gc_ || !tripped_.empty()) return absl::UnavailableError(gc_refusal_);
  PLIMSOLL_ASSIGN_OR_RETURN(std::string rung, WatchGc(id, target));
  target.gc.wanted = true;
  return rung;
}

absl::StatusOr<std::string> BpfProbes::WatchGc(const core::ProcessId& id,
                                               Target& target) {
  double per_hit = costs_.PerHit(bpf::GcProbeCost(target.python.build));
  PLIMSOLL_ASSIGN_OR_RETURN(
      core::WindowGrant grant,
      governor_.Request(id, Tier::kGc, 0, per_hit, 0, clock_->BoottimeNs()));
  PLIMSOLL_ASSIGN_OR_RETURN(std::string rung,
                            gc_->Watch(target.python, grant.hit_budget));
  target.gc.attached = target.gc.ever = true;
  target.gc.refusal.clear();
  target.gc.drops.clear();
  return rung;
}

absl::StatusOr<std::string> BpfProbes::AttachGrowth(
    const core::ProcessId& id, const core::PythonProcess& python) {
  Target& target = targets_[id];
  target.python = python;
  if (!growth_) return absl::UnavailableError(growth_refusal_);
  if (fresh_ == nullptr) {
    return absl::UnavailableError("no inspector lists the pages in memory");
  }
  PLIMSOLL_RETURN_IF_ERROR(WatchGrowth(id, target));
  target.growth.wanted = true;
  return std::string("page-faults");
}

absl::Status BpfProbes::WatchGrowth(const core::ProcessId& id, Target& target) {
  fresh_->ListPages(id, target.python);
  bpf::GrowthOptions options;
  options.sample_period = target.growth_period;
  PLIMSOLL_RETURN_IF_ERROR(growth_->Watch(target.python, options));
  target.growth.attached = true;
  target.growth.refusal.clear();
  target.growth.drops.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::string> BpfProbes::AttachNativeGrowth(
    const core::ProcessId& id) {
  PLIMSOLL_RETURN_IF_ERROR(native_growth_.Watch(id));
  return std::string("page-faults");
}

void BpfProbes::Detach(const core::ProcessId& id) {
  native_growth_.Unwatch(id);
  governor_.Forget(id);
  auto it = targets_.find(id);
  if (it == targets_.end()) return;
  if (it->second.gc.attached) gc_->Unwatch(id.pid);
  if (it->second.growth.attached) growth_->Unwatch(id.pid);
  targets_.erase(it);
  if (fresh_ != nullptr) fresh_->Forget(id);
  if (windows_) windows_->Close(id);
}

bool BpfProbes::Spend(const core::ProcessId& id, uint64_t hits, double cost_ns,
                      Attached& probe, core::Tier1Sample& sample) {
  // What was not hit pays nothing, whatever the others have used up.
  if (hits == 0) return true;
  usage_.hits += static_cast<int64_t>(hits);
  usage_.cost_ns += static_cast<int64_t>(cost_ns);
  int64_t now = clock_->BoottimeNs();
  absl::Status spent = governor_.Spend(id, Tier::kGc, cost_ns, now);
  if (spent.ok()) return true;
  ++sample.losses["probe_budget"];
  ++usage_.revoked_total;
  probe.attached = false;
  probe.refusal = "budget: " + std::string(spent.message());
  // Only when a stretch like the last one can be paid again.
  probe.retry_ns = std::max(governor_.AffordableAt(id, Tier::kGc, cost_ns, now),
                            now + 10 * kNsPerSecond);
  return false;
}

core::Tier1Sample BpfProbes::Collect(const core::ProcessId& id) {
  if (native_growth_.watches(id)) return native_growth_.Collect(id);
  core::Tier1Sample sample;
  auto it = targets_.find(id);
  if (it == targets_.end()) return sample;
  if (it->second.gc.wanted) CollectGc(id, it->second, sample);
  if (it->second.growth.wanted) CollectGrowth(id, it->second, sample);
  sample.gc_refusal = it->second.gc.refusal;
  sample.growth_refusal = it->second.growth.refusal;
  return sample;
}

void BpfProbes::CollectGc(const core::ProcessId& id, Target& target,
                          core::Tier1Sample& sample) {
  Attached& probe = target.gc;
  if (!probe.attached) {
    if (clock_->BoottimeNs() < probe.retry_ns) return;
    if (absl::StatusOr<std::string> rung = WatchGc(id, target); !rung.ok()) {
      probe.refusal = std::string(rung.status().message());
      probe.retry_ns = clock_->BoottimeNs() + 60 * kNsPerSecond;
      return;
    }
  }
  auto taken = gc_->Take(id.pid);
  if (!taken.ok()) return;
  sample.pauses = std::move(taken->pauses);
  AddNewDrops(taken->drops, probe.drops, sample.losses);
  double cost_ns = 0;
  for (auto kind :
       {core::ProbeCost::kEmulated, core::ProbeCost::kSingleStepped}) {
    cost_ns +=
        static_cast<double>(taken->hits_by_cost.at(static_cast<size_t>(kind))) *
        costs_.PerHit(kind);
  }
  bool within = Spend(id, taken->hits, cost_ns, probe, sample);
  if (within && !taken->budget_spent) return;
  gc_->Unwatch(id.pid);
  probe.attached = false;
  if (within) probe.retry_ns = clock_->BoottimeNs();
}

void BpfProbes::CollectGrowth(const core::ProcessId& id, Target& target,
                              core::Tier1Sample& sample) {
  Attached& probe = target.growth;
  int64_t now = clock_->BoottimeNs();
  if (!probe.attached) {
    if (now < probe.retry_ns) return;
    if (absl::Status watched = WatchGrowth(id, target); !watched.ok()) {
      probe.refusal = std::string(watched.message());
      probe.retry_ns = now + 60 * kNsPerSecond;
      return;
    }
  }
  auto taken = growth_->Take(id.pid);
  if (!taken.ok()) return;
  AddNewDrops(taken->drops, probe.drops, sample.losses);
  if (!taken->samples.empty()) {
    auto maps = proc_.ReadMaps(id.pid);
    if (maps.ok()) {
      const auto is_growth = [&](const bpf::GrowthSample& fault) {
        return core::IsGrowable(*maps, fault.address) &&
               fresh_->IsFresh(id, fault.address, fault.time_ns);
      };
      target.grown.Add(taken->stacks, bpf::CountGrowth(*taken, is_growth), now);
    }
    fresh_->ListPages(id, target.python);
  }
  probe.refusal = fresh_->refusal(id);
  sample.growth = target.grown.TakeIfDue(now, kGrowthProfileNs);
  double per_hit =
      growth_->fault_ns() > 0 ? growth_->fault_ns() : kAssumedFaultNs;
  per_hit += taken->program_ns_per_hit > 0 ? taken->program_ns_per_hit
                                           : kAssumedWalkNs;
  double cost_ns = static_cast<double>(taken->hits) * per_hit;
  if (Spend(id, taken->hits, cost_ns, probe, sample)) return;
  growth_->Unwatch(id.pid);
  target.growth_period =
      std::min<uint64_t>(target.growth_period * 16, kMaxGrowthPeriod);
}

void BpfProbes::OpenWindow(const core::ProcessId& id,
                           const core::PythonProcess& python,
                           const core::WindowRequest& request,
                           WindowDone done) {
  if (!window_refusal_.empty()) {
    done(absl::FailedPreconditionError(window_refusal_));
    return;
  }
  int64_t now = clock_->BoottimeNs();
  auto grant = governor_.Request(id, Tier::kStacks, 0,
                                 costs_.PerHit(core::ProbeCost::kEmulated),
                                 request.duration_ns, now);
  if (!grant.ok()) {
    done(grant.status());
    return;
  }
  bpf::AllocWindowOptions options;
  if (!request.object_malloc) {
    options.kinds = {core::ProbeKind::kTypeGenericAlloc,
                     core::ProbeKind::kGcNew, core::ProbeKind::kGcNewVar,
                     core::ProbeKind::kObjectNew};
  }
  options.hit_budget = grant->hit_budget;
  options.known_types = request.known_types;
  options.costs = costs_;
  RememberLook(id);
  windows_->Open({id, python, std::move(options), request.duration_ns},
                 [this, alive = alive_, id, done = std::move(done)](
                     absl::StatusOr<bpf::WindowCounts> counts) mutable {
                   if (!*alive) return;
                   if (counts.ok()) {
                     done(TakeWindow(id, *std::move(counts)));
                   } else {
                     done(counts.status());
                   }
                 });
}

void BpfProbes::LookWith(const bpf::KernelSupport& kernel,
                         core::Inspector* inspector,
                         core::NativeInspector* native, core::Timers* timers) {
  fresh_ = std::make_unique<FreshFaults>(native);
  auto made = BirthWatcher::Create(kernel, inspector, clock_, timers,
                                   &governor_, &usage_);
  if (made.ok()) {
    births_ = *std::move(made);
  } else {
    birth_refusal_ = std::string(made.status().message());
  }
}

void BpfProbes::WatchBirths(const core::ProcessId& id,
                            const core::PythonProcess& python,
                            const core::BirthRequest& request,
                            WindowDone done) {
  if (std::string refusal = watch_refusal(); !refusal.empty()) {
    return done(absl::FailedPreconditionError(std::move(refusal)));
  }
  RememberLook(id);
  births_->Watch(id, python, request, std::move(done));
}

void BpfProbes::RememberLook(const core::ProcessId& id) {
  const auto it = targets_.find(id);
  if (it != targets_.end()) it->second.looked_into = true;
}

void BpfProbes::HandleKilled(int32_t pid, int signal) {
  if (signal != SIGTRAP || !tripped_.empty()) return;
  const auto killed =
      std::find_if(targets_.begin(), targets_.end(), [&](const auto& entry) {
        return entry.first.pid == pid &&
               (entry.second.gc.ever || entry.second.looked_into);
      });
  if (killed == targets_.end()) return;
  tripped_ = "process " + std::to_string(pid) +
             " was ended by SIGTRAP after it had been probed: no uprobe and no "
             "watchpoint is set on this node until the agent is restarted";
  spdlog::error("probing ends reason=\"{}\"", tripped_);
  ++usage_.trapped;
  rung_.clear();
  gc_refusal_ = window_refusal_ = tripped_;
  if (births_ != nullptr) births_->Stop(tripped_);
  for (auto& [id, target] : targets_) {
    if (windows_) windows_->Close(id);
    if (!target.gc.attached) continue;
    gc_->Unwatch(id.pid);
    target.gc.attached = target.gc.wanted = false;
    target.gc.refusal = tripped_;
  }
}

absl::StatusOr<core::RawProfile> BpfProbes::TakeWindow(
    const core::ProcessId& id, bpf::WindowCounts counts) {
  int64_t now = clock_->BoottimeNs();
  usage_.hits += static_cast<int64_t>(counts.progress.hits);
  usage_.cost_ns += static_cast<int64_t>(counts.progress.cost_ns);
  if (!targets_.contains(id) || counts.process_gone) {
    return absl::NotFoundError("the process ended in its window");
  }
  // An overdraft only keeps the next window away for longer.
  (void)governor_.Spend(id, Tier::kStacks, counts.progress.cost_ns, now);
  core::RawProfile raw;
  raw.stacks = std::move(counts.stacks);
  raw.losses = std::move(counts.drops);
  core::StackProfile& profile = raw.profile;
  profile.kind = core::ProfileKind::kWindow;
  profile.counts = std::move(counts.counts);
  profile.begin_boottime_ns = now - counts.progress.elapsed_ns;
  profile.end_boottime_ns = now;
  double seconds = static_cast<double>(counts.progress.elapsed_ns) / 1e9;
  profile.hits_per_second =
      seconds > 0 ? static_cast<double>(counts.progress.hits) / seconds : 0;
  profile.cost_ns_per_hit = counts.cost_ns_per_hit;
  profile.target_cpu_share = counts.progress.core_share();
  // Ended early: what was counted covers the window's begin only.
  if (counts.progress.budget_spent) ++raw.losses["probe_budget"];
  return raw;
}

}  // namespace plimsoll::agent
