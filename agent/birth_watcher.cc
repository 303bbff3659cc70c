#include "agent/birth_watcher.h"

#include <algorithm>
#include <utility>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

using core::Tier;

constexpr int64_t kTickNs = 10'000'000;
// Of a core, while a run lasts. On average over minutes it is the governor's 2
// %.
constexpr double kMostShare = 0.05;

}  // namespace

struct BirthWatcher::Running {
  core::ProcessId id;
  std::unique_ptr<bpf::BirthWatch> watch;
  std::unique_ptr<core::BirthRun> run;  // uses `watch`: goes first
  core::ProbePort::WindowDone done;
};

absl::StatusOr<std::unique_ptr<BirthWatcher>> BirthWatcher::Create(
    const bpf::KernelSupport& kernel, core::Inspector* inspector,
    core::Clock* clock, core::Timers* timers, core::OverheadGovernor* governor,
    core::ProbeUsage* usage) {
  PLIMSOLL_ASSIGN_OR_RETURN(bpf::BirthProbe probe,
                            bpf::BirthProbe::Create(kernel));
  return std::unique_ptr<BirthWatcher>(new BirthWatcher(
      std::move(probe), inspector, clock, timers, governor, usage));
}

BirthWatcher::BirthWatcher(bpf::BirthProbe probe, core::Inspector* inspector,
                           core::Clock* clock, core::Timers* timers,
                           core::OverheadGovernor* governor,
                           core::ProbeUsage* usage)
    : probe_(std::move(probe)),
      inspector_(inspector),
      clock_(clock),
      timers_(timers),
      governor_(governor),
      usage_(usage) {}

void BirthWatcher::Watch(const core::ProcessId& id,
                         const core::PythonProcess& python,
                         const core::BirthRequest& request,
                         core::ProbePort::WindowDone done) {
  const int64_t now = clock_->BoottimeNs();
  const double per_hit = probe_.ns_per_hit();
  auto grant = governor_->Request(id, Tier::kStacks, 0, per_hit,
                                  request.duration_ns, now);
  if (!grant.ok()) return done(grant.status());
  auto watch = probe_.Watch(python);
  if (!watch.ok()) return done(watch.status());
  core::BirthOptions options;
  options.duration_ns = request.duration_ns;
  options.budget_ns =
      std::min(static_cast<double>(grant->hit_budget) * per_hit,
               kMostShare * static_cast<double>(request.duration_ns));
  options.seed = static_cast<uint64_t>(now);
  auto running = std::make_shared<Running>();
  running->id = id;
  running->watch = *std::move(watch);
  running->done = std::move(done);
  running->run = std::make_unique<core::BirthRun>(
      python, request.type, request.type_address, options, running->watch.get(),
      [this, alive = alive_, python](core::BirthLook look,
                                     core::BirthSession::LookDone answer) {
        if (*alive) {
          inspector_->LookAtBirths(python, std::move(look), std::move(answer));
        }
      },
      now);
  Tick(running);
}

void BirthWatcher::Tick(const std::shared_ptr<Running>& running) {
  if (!stopped_.empty()) return End(running);
  running->run->Tick(clock_->BoottimeNs());
  if (running->run->done()) return End(running);
  timers_->RunAfter(kTickNs, [this, alive = alive_, running] {
    if (*alive) Tick(running);
  });
}

void BirthWatcher::End(const std::shared_ptr<Running>& running) {
  const bpf::BirthWatchUse use = running->watch->Use();
  const double cost = running->run->counts().cost_ns;
  usage_->hits += static_cast<int64_t>(use.hits);
  usage_->cost_ns += static_cast<int64_t>(cost);
  // An overdraft only keeps the next one away for longer.
  (void)governor_->Spend(running->id, Tier::kStacks, cost,
                         clock_->BoottimeNs());
  core::RawProfile profile = running->run->Profile();
  profile.losses = use.drops;
  if (running->run->counts().budget_spent) ++profile.losses["probe_budget"];
  const absl::Status status =
      stopped_.empty() ? running->run->status() : absl::AbortedError(stopped_);
  auto done = std::move(running->done);
  running->run.reset();
  running->watch.reset();  // gives the debug registers back
  if (!status.ok()) return done(status);
  done(std::move(profile));
}

}  // namespace plimsoll::agent
