#include "cli/window_sampler.h"

#include <algorithm>
#include <utility>

#include "agent/bpf/hit_cost.h"
#include "agent/core/window_balance.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

using core::ProbeKind;
using core::Tier;

// Under 2 %, so that the bucket that a window may empty at once still leaves
// the average of the whole below it: share * (total + bucket) <= 2 % * total.
constexpr double kAverageShare = 0.019;
constexpr int64_t kBucketParts = 20;
constexpr int64_t kWindows = 12;
constexpr int64_t kFirstWindowNs = 200000000;
constexpr int64_t kShortestWindowNs = 100000000;
constexpr int64_t kLongestWindowNs = 1000000000;
constexpr int64_t kShortestPeriodNs = 500000000;
constexpr int64_t kPollNs = 50000000;
constexpr double kWindowOfBucket = 0.5;

std::vector<ProbeKind> TypedAllocators() {
  return {ProbeKind::kTypeGenericAlloc, ProbeKind::kGcNew, ProbeKind::kGcNewVar,
          ProbeKind::kObjectNew};
}

core::GovernorOptions OptionsFor(int64_t total_ns) {
  core::GovernorOptions options;
  options.tier4_average_share = kAverageShare;
  options.bucket_ns = std::max<int64_t>(total_ns / kBucketParts, 1);
  return options;
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
      governor_(OptionsFor(total_ns)),
      id_{.pid = target.subject().pid, .start_ticks = target.start_ticks()},
      period_ns_(std::max(total_ns / kWindows, kShortestPeriodNs)),
      capacity_ns_(kAverageShare *
                   static_cast<double>(OptionsFor(total_ns).bucket_ns)) {}

// As long as half of the bucket pays for, once the cost is known.
int64_t WindowSampler::WindowNs() const {
  const double share = hits_per_s_ * ns_per_hit_ / 1e9;
  if (last_began_ns_ == 0) return kFirstWindowNs;
  if (share <= 0) return kLongestWindowNs;
  return std::clamp(static_cast<int64_t>(
                        std::min(kWindowOfBucket * capacity_ns_ / share, 1e18)),
                    kShortestWindowNs, kLongestWindowNs);
}

int64_t WindowSampler::NextAtNs() {
  if (last_began_ns_ == 0) return BoottimeNs();
  const double next_cost_ns =
      hits_per_s_ * ns_per_hit_ / 1e9 * static_cast<double>(WindowNs());
  return std::max(
      last_began_ns_ + period_ns_,
      governor_.AffordableAt(id_, Tier::kStacks, next_cost_ns, BoottimeNs()));
}

absl::StatusOr<core::StackProfile> WindowSampler::Sample(Session& session,
                                                         bool net) {
  const int64_t duration_ns = WindowNs();
  const double ns_per_hit =
      ns_per_hit_ > 0 ? ns_per_hit_
                      : costs_.PerHit(core::ProbeCost::kSingleStepped);
  PLIMSOLL_ASSIGN_OR_RETURN(
      const core::WindowGrant grant,
      governor_.Request(id_, Tier::kStacks, hits_per_s_, ns_per_hit,
                        duration_ns, BoottimeNs()));
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
  last_began_ns_ = began_ns;
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
  window_ns_ += counts.progress.elapsed_ns;
  cost_ns_ += counts.progress.cost_ns;
  rung_ = counts.rung;
  ns_per_hit_ = counts.cost_ns_per_hit;
  hits_per_s_ = counts.progress.elapsed_ns > 0
                    ? static_cast<double>(counts.progress.hits) * 1e9 /
                          static_cast<double>(counts.progress.elapsed_ns)
                    : 0;
  // Past the bucket only the next window has to wait; this one is over.
  governor_.Spend(id_, Tier::kStacks, counts.progress.cost_ns, BoottimeNs())
      .IgnoreError();
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
