#include "cli/process/window_pace.h"

#include <algorithm>

#include "cli/session/interrupt.h"

namespace plimsoll::cli {
namespace {

using core::Tier;

constexpr double kMostShare = 0.01995;
constexpr int64_t kWindows = 12;
constexpr int64_t kFirstWindowNs = 200000000;
constexpr int64_t kShortestWindowNs = 100000000;
constexpr int64_t kShortestPeriodNs = 500000000;
constexpr double kWindowOfBucket = 0.5;

// The bucket that a window may empty at once still leaves the average of the
// whole below 2 %: share * (total + bucket) <= 2 % * total.
core::GovernorOptions OptionsFor(int64_t total_ns, int64_t parts) {
  const auto count = static_cast<double>(parts);
  core::GovernorOptions options;
  options.tier4_average_share = kMostShare * count / (count + 1);
  options.bucket_ns = std::max<int64_t>(total_ns / parts, 1);
  return options;
}

}  // namespace

WindowPace::WindowPace(const core::ProcessId& id, int64_t total_ns,
                       int64_t longest_ns, int64_t parts)
    : governor_(OptionsFor(total_ns, parts)),
      id_(id),
      period_ns_(std::max(total_ns / kWindows, kShortestPeriodNs)),
      longest_ns_(longest_ns),
      capacity_ns_(OptionsFor(total_ns, parts).tier4_average_share *
                   static_cast<double>(OptionsFor(total_ns, parts).bucket_ns)) {
}

// As long as half of the bucket pays for, once the cost is known.
int64_t WindowPace::WindowNs() const {
  const double share = hits_per_s_ * ns_per_hit_ / 1e9;
  if (!known_) return kFirstWindowNs;
  if (share <= 0) return longest_ns_;
  return std::clamp(static_cast<int64_t>(
                        std::min(kWindowOfBucket * capacity_ns_ / share, 1e18)),
                    kShortestWindowNs, longest_ns_);
}

int64_t WindowPace::NextAtNs() {
  if (last_began_ns_ == 0) return BoottimeNs();
  const double next_cost_ns =
      hits_per_s_ * ns_per_hit_ / 1e9 * static_cast<double>(WindowNs());
  return std::max(
      last_began_ns_ + period_ns_,
      governor_.AffordableAt(id_, Tier::kStacks, next_cost_ns, BoottimeNs()));
}

absl::StatusOr<core::WindowGrant> WindowPace::Begin(double first_hit_ns) {
  const int64_t now_ns = BoottimeNs();
  auto grant = governor_.Request(id_, Tier::kStacks, hits_per_s_,
                                 ns_per_hit_ > 0 ? ns_per_hit_ : first_hit_ns,
                                 WindowNs(), now_ns);
  if (grant.ok()) last_began_ns_ = now_ns;
  return grant;
}

void WindowPace::End(uint64_t hits, double cost_ns, int64_t elapsed_ns) {
  known_ = true;
  window_ns_ += elapsed_ns;
  cost_ns_ += cost_ns;
  const auto count = static_cast<double>(hits);
  ns_per_hit_ = hits > 0 ? cost_ns / count : 0;
  hits_per_s_ =
      elapsed_ns > 0 ? count * 1e9 / static_cast<double>(elapsed_ns) : 0;
  // Past the bucket only the next window has to wait; this one is over.
  governor_.Spend(id_, Tier::kStacks, cost_ns, BoottimeNs()).IgnoreError();
}

}  // namespace plimsoll::cli
