#include "agent/bpf_probes.h"

#include <algorithm>
#include <utility>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

using core::Tier;

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kWindowPollNs = kNsPerSecond / 4;
constexpr int64_t kGrowthProfileNs = 60 * kNsPerSecond;
// Of a page fault's sample, where the kernel does not count program time yet:
// the software event and a walk of some frames.
constexpr double kAssumedSampleNs = 3'000;
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

struct BpfProbes::Running {
  core::ProcessId id;
  bpf::AllocWindow window;
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  WindowDone done;
};

BpfProbes::BpfProbes(const bpf::KernelSupport& kernel, core::HitCosts costs,
                     procfs::ProcRoot proc, core::Clock* clock,
                     core::Timers* timers)
    : costs_(costs), proc_(std::move(proc)), clock_(clock), timers_(timers) {
  if (!costs_.known()) {
    gc_refusal_ = window_refusal_ =
        "the cost of a hit could not be measured on this machine";
  } else {
    gc_refusal_ = Keep(bpf::GcProbe::Create(kernel), gc_);
    window_refusal_ = Keep(bpf::AllocProbe::Create(kernel), alloc_);
  }
  growth_refusal_ = Keep(bpf::GrowthProbe::Create(kernel), growth_);
}

std::string BpfProbes::rung() const {
  return alloc_ ? bpf::UprobeRungName(alloc_->rung()) : "";
}

absl::StatusOr<std::string> BpfProbes::AttachGc(
    const core::ProcessId& id, const core::PythonProcess& python) {
  Target& target = targets_[id];
  target.python = python;
  if (!gc_) return absl::UnavailableError(gc_refusal_);
  PLIMSOLL_ASSIGN_OR_RETURN(std::string rung, WatchGc(id, target));
  target.gc.wanted = true;
  return rung;
}

absl::StatusOr<std::string> BpfProbes::WatchGc(const core::ProcessId& id,
                                               Target& target) {
  double per_hit = costs_.PerHit(core::ProbeCost::kSingleStepped);
  PLIMSOLL_ASSIGN_OR_RETURN(
      core::WindowGrant grant,
      governor_.Request(id, Tier::kGc, 0, per_hit, 0, clock_->BoottimeNs()));
  PLIMSOLL_ASSIGN_OR_RETURN(std::string rung,
                            gc_->Watch(target.python, grant.hit_budget));
  target.gc.attached = true;
  target.gc.drops.clear();
  return rung;
}

absl::StatusOr<std::string> BpfProbes::AttachGrowth(
    const core::ProcessId& id, const core::PythonProcess& python) {
  Target& target = targets_[id];
  target.python = python;
  if (!growth_) return absl::UnavailableError(growth_refusal_);
  PLIMSOLL_RETURN_IF_ERROR(WatchGrowth(id, target));
  target.growth.wanted = true;
  return std::string("page-faults");
}

absl::Status BpfProbes::WatchGrowth(const core::ProcessId& id, Target& target) {
  (void)id;
  bpf::GrowthOptions options;
  options.sample_period = target.growth_period;
  PLIMSOLL_RETURN_IF_ERROR(growth_->Watch(target.python, options));
  target.growth.attached = true;
  target.growth.drops.clear();
  return absl::OkStatus();
}

void BpfProbes::Detach(const core::ProcessId& id) {
  auto it = targets_.find(id);
  if (it == targets_.end()) return;
  if (it->second.gc.attached) gc_->Unwatch(id.pid);
  if (it->second.growth.attached) growth_->Unwatch(id.pid);
  targets_.erase(it);
  governor_.Forget(id);
}

bool BpfProbes::Spend(const core::ProcessId& id, uint64_t hits,
                      double ns_per_hit, Attached& probe,
                      core::Tier1Sample& sample) {
  double cost = static_cast<double>(hits) * ns_per_hit;
  usage_.hits += static_cast<int64_t>(hits);
  usage_.cost_ns += static_cast<int64_t>(cost);
  int64_t now = clock_->BoottimeNs();
  if (governor_.Spend(id, Tier::kGc, cost, now).ok()) return true;
  ++sample.losses["probe_budget"];
  probe.attached = false;
  // Only when a stretch like the last one can be paid again.
  probe.retry_ns = std::max(governor_.AffordableAt(id, Tier::kGc, cost, now),
                            now + 10 * kNsPerSecond);
  return false;
}

core::Tier1Sample BpfProbes::Collect(const core::ProcessId& id) {
  core::Tier1Sample sample;
  auto it = targets_.find(id);
  if (it == targets_.end()) return sample;
  if (it->second.gc.wanted) CollectGc(id, it->second, sample);
  if (it->second.growth.wanted) CollectGrowth(id, it->second, sample);
  return sample;
}

void BpfProbes::CollectGc(const core::ProcessId& id, Target& target,
                          core::Tier1Sample& sample) {
  Attached& probe = target.gc;
  if (!probe.attached) {
    if (clock_->BoottimeNs() < probe.retry_ns) return;
    if (!WatchGc(id, target).ok()) {
      probe.retry_ns = clock_->BoottimeNs() + 60 * kNsPerSecond;
      return;
    }
  }
  auto taken = gc_->Take(id.pid);
  if (!taken.ok()) return;
  sample.pauses = std::move(taken->pauses);
  AddNewDrops(taken->drops, probe.drops, sample.losses);
  // The dearer kind: which one a build's place is, its mix does not say.
  double per_hit = costs_.PerHit(core::ProbeCost::kSingleStepped);
  bool within = Spend(id, taken->hits, per_hit, probe, sample);
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
    if (!WatchGrowth(id, target).ok()) {
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
      // Growth is what falls into private writable memory without a file.
      auto is_growth = [&](uint64_t address) {
        auto after = std::upper_bound(
            maps->begin(), maps->end(), address,
            [](uint64_t at, const core::Mapping& m) { return at < m.start; });
        if (after == maps->begin()) return false;
        const core::Mapping& mapping = *std::prev(after);
        return address < mapping.end && mapping.writable && !mapping.shared &&
               mapping.inode == 0;
      };
      target.grown.Add(taken->stacks, bpf::CountGrowth(*taken, is_growth), now);
    }
  }
  sample.growth = target.grown.TakeIfDue(now, kGrowthProfileNs);
  double per_hit = taken->program_ns_per_hit > 0 ? taken->program_ns_per_hit
                                                 : kAssumedSampleNs;
  if (Spend(id, taken->hits, per_hit, probe, sample)) return;
  growth_->Unwatch(id.pid);
  target.growth_period =
      std::min<uint64_t>(target.growth_period * 16, kMaxGrowthPeriod);
}

void BpfProbes::OpenWindow(const core::ProcessId& id,
                           const core::PythonProcess& python,
                           const core::WindowRequest& request,
                           WindowDone done) {
  if (!alloc_) {
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
  auto window = alloc_->OpenWindow(python, options);
  if (!window.ok()) {
    done(window.status());
    return;
  }
  PollWindow(std::make_shared<Running>(Running{id, *std::move(window), now,
                                               now + request.duration_ns,
                                               std::move(done)}));
}

void BpfProbes::PollWindow(const std::shared_ptr<Running>& running) {
  int64_t now = clock_->BoottimeNs();
  bpf::WindowProgress progress = running->window.Progress();
  if (now < running->end_ns && !progress.budget_spent) {
    timers_->RunAfter(std::min(kWindowPollNs, running->end_ns - now),
                      [this, alive = alive_, running] {
                        if (*alive) PollWindow(running);
                      });
    return;
  }
  bpf::WindowCounts counts = running->window.Close();
  now = clock_->BoottimeNs();
  usage_.hits += static_cast<int64_t>(counts.progress.hits);
  usage_.cost_ns += static_cast<int64_t>(counts.progress.cost_ns);
  // An overdraft only keeps the next window away for longer.
  (void)governor_.Spend(running->id, Tier::kStacks, counts.progress.cost_ns,
                        now);
  if (counts.process_gone) {
    running->done(absl::NotFoundError("the process ended in its window"));
    return;
  }
  core::RawProfile raw;
  raw.stacks = std::move(counts.stacks);
  raw.losses = std::move(counts.drops);
  core::StackProfile& profile = raw.profile;
  profile.kind = core::ProfileKind::kWindow;
  profile.counts = std::move(counts.counts);
  profile.begin_boottime_ns = running->begin_ns;
  profile.end_boottime_ns = now;
  double seconds = static_cast<double>(counts.progress.elapsed_ns) / 1e9;
  profile.hits_per_second =
      seconds > 0 ? static_cast<double>(counts.progress.hits) / seconds : 0;
  profile.cost_ns_per_hit = counts.cost_ns_per_hit;
  profile.target_cpu_share = counts.progress.core_share();
  // Ended early: what was counted covers the window's begin only.
  if (counts.progress.budget_spent) ++raw.losses["probe_budget"];
  running->done(std::move(raw));
}

}  // namespace plimsoll::agent
