#include "cli/process/window_sampler.h"

#include <algorithm>
#include <utility>

#include "agent/bpf/hit_cost.h"
#include "agent/core/window_balance.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

using core::ProbeKind;

constexpr int64_t kLongestWindowNs = 1000000000;
constexpr int64_t kBucketParts = 20;
constexpr int64_t kPollNs = 50000000;

std::vector<ProbeKind> TypedAllocators() {
  return {ProbeKind::kTypeGenericAlloc, ProbeKind::kGcNew, ProbeKind::kGcNewVar,
          ProbeKind::kObjectNew};
}

std::vector<ProbeKind> Offered(const core::PythonBuild& build, bool net) {
  if (net) return {};  // all that the build offers
  std::vector<ProbeKind> kinds;
  for (const ProbeKind kind : TypedAllocators()) {
    for (const core::ProbePoint& point : build.probes) {
      if (point.kind != kind) continue;
      kinds.push_back(kind);
      break;
    }
  }
  return kinds;
}

}  // namespace

absl::StatusOr<WindowSampler> WindowSampler::Make(
    Target& target, const bpf::KernelSupport& kernel, int64_t total_ns) {
  const core::PythonBuild& build = target.python().build;
  if (!build.probe_refusal.empty()) {
    return absl::UnimplementedError(build.probe_refusal);
  }
  if (Offered(build, false).empty()) {
    return absl::UnimplementedError(
        "this build has no place where its typed allocators can be probed");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(auto probe, bpf::AllocProbe::Create(kernel));
  PLIMSOLL_ASSIGN_OR_RETURN(const auto costs, bpf::CalibrateHitCosts(kernel));
  return WindowSampler(target, std::move(probe), costs, total_ns);
}

WindowSampler::WindowSampler(Target& target, bpf::AllocProbe probe,
                             core::HitCosts costs, int64_t total_ns)
    : target_(&target),
      probe_(std::move(probe)),
      costs_(costs),
      pace_({.pid = target.subject().pid, .start_ticks = target.start_ticks()},
            total_ns, kLongestWindowNs, kBucketParts) {}

absl::StatusOr<core::StackProfile> WindowSampler::Sample(Session& session,
                                                         bool net) {
  const int64_t duration_ns = pace_.WindowNs();
  PLIMSOLL_ASSIGN_OR_RETURN(
      const core::WindowGrant grant,
      pace_.Begin(costs_.PerHit(core::ProbeCost::kSingleStepped)));
  core::HeapCensus before;
  if (net) {
    PLIMSOLL_ASSIGN_OR_RETURN(before,
                              target_->TakeCensus({.headers_only = true}));
  }
  bpf::AllocWindowOptions options;
  options.kinds = Offered(target_->python().build, net);
  options.hit_budget = grant.hit_budget;
  options.costs = costs_;
  const int64_t began_ns = BoottimeNs();
  PLIMSOLL_ASSIGN_OR_RETURN(bpf::AllocWindow window,
                            probe_.OpenWindow(target_->python(), options));
  while (BoottimeNs() < began_ns + duration_ns &&
         !window.Progress().budget_spent) {
    if (!session.interrupt.SleepUntil(
            std::min(began_ns + duration_ns, BoottimeNs() + kPollNs))) {
      break;
    }
  }
  const bpf::WindowCounts counts = window.Close();
  pace_.End(counts.progress.hits, counts.progress.cost_ns,
            counts.progress.elapsed_ns);
  rung_ = counts.rung;
  PLIMSOLL_ASSIGN_OR_RETURN(core::StackProfile profile, Name(counts));
  if (net) {
    PLIMSOLL_ASSIGN_OR_RETURN(const core::HeapCensus after,
                              target_->TakeCensus({.headers_only = true}));
    core::BalanceWindow(before, after,
                        core::OffersFrees(target_->python().build),
                        counts.drops, profile);
  }
  return profile;
}

absl::StatusOr<core::StackProfile> WindowSampler::Name(
    const bpf::WindowCounts& counts) {
  core::StackProfile profile;
  profile.kind = core::ProfileKind::kWindow;
  profile.counts = counts.counts;
  PLIMSOLL_ASSIGN_OR_RETURN(profile.stacks,
                            NameStacks(*target_, counts.stacks, names_));
  return profile;
}

}  // namespace plimsoll::cli
