#include "collector/otlp_feed.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr size_t kMostPods = 100'000;
// Of all exporters together.
constexpr Rate kBytes = {.per_s = 8 << 20, .burst = 64 << 20};

int64_t MonotonicNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

OtlpFeed::OtlpFeed(store::Store* store, rpc::OtlpRules rules,
                   std::function<int64_t()> unix_now_ns)
    : rules_(std::move(rules)),
      unix_now_ns_(std::move(unix_now_ns)),
      bytes_(kBytes, MonotonicNs()),
      feed_(store, "otlp") {
  status_.source = "otlp";
}

std::vector<PodCount> OtlpFeed::OfFirstMetric(
    std::vector<rpc::OtlpCount> counts) {
  if (metrics_.size() > kMostPods) metrics_.clear();
  for (const rpc::OtlpCount& one : counts) {
    const auto [at, is_new] =
        metrics_.try_emplace(one.count.ns + "\n" + one.count.pod, one.metric);
    at->second = std::min(at->second, one.metric);
  }
  std::vector<PodCount> out;
  for (rpc::OtlpCount& one : counts) {
    if (metrics_[one.count.ns + "\n" + one.count.pod] != one.metric) continue;
    // Counters of two metrics are two, whatever their attributes.
    one.count.series += std::to_string(one.metric);
    out.push_back(std::move(one.count));
  }
  return out;
}

absl::Status OtlpFeed::Take(std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    const int64_t now_ns = MonotonicNs();
    if (bytes_.WaitNs(now_ns) > 0) {
      ++status_.looks, ++status_.failures;
      status_.last_error = "more than 8 MiB/s are exported; send it again";
      return absl::UnavailableError(status_.last_error);
    }
    bytes_.Take(static_cast<double>(bytes.size()), now_ns);
  }
  auto found = rpc::DecodeOtlp(bytes, rules_);
  const std::lock_guard lock(mutex_);
  ++status_.looks;
  if (!found.ok()) {
    ++status_.failures;
    status_.last_error = std::string(found.status().message());
    return found.status();
  }
  const int64_t now_ns = unix_now_ns_();
  status_.series =
      static_cast<int64_t>(found->counts.size() + found->gauges.size());
  status_.without_pod = found->without_pod;
  status_.unusable = found->unusable;
  std::vector<PodCount> counts = OfFirstMetric(std::move(found->counts));
  std::move(found->gauges.begin(), found->gauges.end(),
            std::back_inserter(counts));
  const std::vector<ProcessRequests> served =
      ledger_.Take(counts, feed_.Wanting(PodsOf(counts), now_ns), now_ns);
  status_.processes = static_cast<int64_t>(served.size());
  status_.unmatched = ledger_.unmatched();
  const absl::Status stored = feed_.Deliver(served, now_ns);
  status_.last_error = stored.ok() ? "" : std::string(stored.message());
  if (stored.ok()) return absl::OkStatus();
  ++status_.failures;
  return absl::UnavailableError(stored.message());
}

RequestSourceStatus OtlpFeed::Status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace plimsoll::collector
