#include "agent/core/overhead_governor.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace plimsoll::core {
namespace {

constexpr double kNsPerSecond = 1e9;

bool IsTier1(Tier tier) { return tier == Tier::kGc || tier == Tier::kMemory; }

}  // namespace

std::string DescribeCost(double hits_per_second, double ns_per_hit) {
  return absl::StrFormat("%.1f %% of a core (%.0f hits/s at %.0f ns)",
                         100 * hits_per_second * ns_per_hit / kNsPerSecond,
                         hits_per_second, ns_per_hit);
}

absl::Status JudgePilot(uint64_t hits, int64_t elapsed_ns, double cost_ns,
                        double max_share) {
  if (elapsed_ns <= 0 || hits == 0) return absl::OkStatus();
  const auto elapsed = static_cast<double>(elapsed_ns);
  if (cost_ns / elapsed <= max_share) return absl::OkStatus();
  const auto count = static_cast<double>(hits);
  return absl::ResourceExhaustedError(absl::StrFormat(
      "the window would cost the target %s, measured over %.0f ms; the bound "
      "is %.0f %% of a core",
      DescribeCost(count / elapsed * kNsPerSecond, cost_ns / count),
      elapsed / 1e6, 100 * max_share));
}

double OverheadGovernor::Share(Tier tier) const {
  return IsTier1(tier) ? options_.tier1_average_share
                       : options_.tier4_average_share;
}

OverheadGovernor::Bucket& OverheadGovernor::Filled(const ProcessId& process,
                                                   Tier tier, int64_t now_ns) {
  Buckets& buckets = processes_[process];
  Bucket& bucket = IsTier1(tier) ? buckets.tier1 : buckets.tier4;
  bool& used = IsTier1(tier) ? buckets.tier1_used : buckets.tier4_used;
  const double capacity = Share(tier) * static_cast<double>(options_.bucket_ns);
  if (!used) {
    used = true;
    bucket = {capacity, now_ns};
    return bucket;
  }
  const int64_t passed_ns = std::max<int64_t>(0, now_ns - bucket.filled_at_ns);
  bucket.available_ns =
      std::min(capacity, bucket.available_ns +
                             Share(tier) * static_cast<double>(passed_ns));
  bucket.filled_at_ns = std::max(bucket.filled_at_ns, now_ns);
  return bucket;
}

GovernorAccount& OverheadGovernor::AccountOf(Tier tier) {
  return IsTier1(tier) ? tier1_ : tier4_;
}

const GovernorAccount& OverheadGovernor::account(Tier tier) const {
  return IsTier1(tier) ? tier1_ : tier4_;
}

double OverheadGovernor::LeastLeft(Tier tier, int64_t now_ns) const {
  double least = 1;
  const double capacity = Share(tier) * static_cast<double>(options_.bucket_ns);
  for (const auto& [process, buckets] : processes_) {
    const bool tier1 = IsTier1(tier);
    if (!(tier1 ? buckets.tier1_used : buckets.tier4_used)) continue;
    const Bucket& bucket = tier1 ? buckets.tier1 : buckets.tier4;
    const int64_t passed_ns =
        std::max<int64_t>(0, now_ns - bucket.filled_at_ns);
    const double available_ns =
        bucket.available_ns + Share(tier) * static_cast<double>(passed_ns);
    least = std::min(least, available_ns / capacity);
  }
  return least;
}

absl::StatusOr<WindowGrant> OverheadGovernor::Request(
    const ProcessId& process, Tier tier, double hits_per_second,
    double ns_per_hit, int64_t duration_ns, int64_t now_ns) {
  auto grant =
      Judge(process, tier, hits_per_second, ns_per_hit, duration_ns, now_ns);
  GovernorAccount& account = AccountOf(tier);
  ++(grant.ok() ? account.granted : account.refused);
  return grant;
}

absl::StatusOr<WindowGrant> OverheadGovernor::Judge(
    const ProcessId& process, Tier tier, double hits_per_second,
    double ns_per_hit, int64_t duration_ns, int64_t now_ns) {
  if (ns_per_hit <= 0) {
    return absl::FailedPreconditionError(
        "the cost of a hit is not calibrated: no probe is granted");
  }
  const double share = hits_per_second * ns_per_hit / kNsPerSecond;
  if (share > options_.max_window_core_share) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "pid %d: a window would cost %s; the bound is %.0f %% of a core",
        process.pid, DescribeCost(hits_per_second, ns_per_hit),
        100 * options_.max_window_core_share));
  }
  const Bucket& bucket = Filled(process, tier, now_ns);
  const double wanted_ns = share * static_cast<double>(duration_ns);
  if (bucket.available_ns <= 0 || wanted_ns > bucket.available_ns) {
    const int64_t at_ns = AffordableAt(process, tier, wanted_ns, now_ns);
    return absl::ResourceExhaustedError(absl::StrFormat(
        "pid %d: a window of %.0f s would cost %.0f ms (%s) and %.0f ms are "
        "left of %.1f %% of a core on average; try again in %.0f s",
        process.pid, static_cast<double>(duration_ns) / kNsPerSecond,
        wanted_ns / 1e6, DescribeCost(hits_per_second, ns_per_hit),
        std::max(0.0, bucket.available_ns) / 1e6, 100 * Share(tier),
        static_cast<double>(at_ns - now_ns) / kNsPerSecond));
  }
  // However the rate changes, the window never costs more than a fifth of a
  // core for its duration, nor more than the bucket holds.
  const double most_ns =
      std::min(bucket.available_ns, options_.max_window_core_share *
                                        static_cast<double>(duration_ns));
  return WindowGrant{
      .hit_budget = static_cast<uint64_t>(std::max(1.0, most_ns / ns_per_hit)),
      .predicted_core_share = share};
}

absl::Status OverheadGovernor::Spend(const ProcessId& process, Tier tier,
                                     double cost_ns, int64_t now_ns) {
  Bucket& bucket = Filled(process, tier, now_ns);
  const bool had_some = bucket.available_ns > 0;
  bucket.available_ns -= std::max(0.0, cost_ns);
  GovernorAccount& account = AccountOf(tier);
  account.spent_ns += std::max(0.0, cost_ns);
  if (bucket.available_ns > 0) return absl::OkStatus();
  if (had_some) ++account.revoked;
  return absl::ResourceExhaustedError(absl::StrFormat(
      "pid %d: probes have used up %.1f %% of a core on average; detached, "
      "affordable again in %.0f s",
      process.pid, 100 * Share(tier),
      -bucket.available_ns / Share(tier) / kNsPerSecond));
}

int64_t OverheadGovernor::AffordableAt(const ProcessId& process, Tier tier,
                                       double cost_ns, int64_t now_ns) {
  const Bucket& bucket = Filled(process, tier, now_ns);
  const double capacity = Share(tier) * static_cast<double>(options_.bucket_ns);
  const double missing_ns =
      std::min(cost_ns, capacity) - std::max(-1e18, bucket.available_ns);
  if (missing_ns <= 0) return now_ns;
  return now_ns + static_cast<int64_t>(std::ceil(missing_ns / Share(tier)));
}

void OverheadGovernor::Forget(const ProcessId& process) {
  processes_.erase(process);
}

}  // namespace plimsoll::core
