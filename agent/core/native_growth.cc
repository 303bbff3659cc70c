#include "agent/core/native_growth.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "agent/core/fresh_pages.h"
#include "agent/core/native_inspector.h"

namespace plimsoll::core {
namespace {

constexpr uint64_t kMostPeriod = 4096;

}  // namespace

PythonProcess RefusedProcess(int32_t pid, uint64_t start_ticks) {
  PythonProcess process;
  process.pid = pid;
  process.start_ticks = start_ticks;
  return process;
}

void NativeGrowth::Add(std::vector<NativeSnapshot> samples, double faults_each,
                       int64_t now_ns) {
  if (begin_ns_ == 0) begin_ns_ = now_ns;
  const auto faults =
      static_cast<int64_t>(std::llround(std::max(1.0, faults_each)));
  for (NativeSnapshot& sample : samples) {
    if (snapshots_.size() >= kMostSnapshotsAtOnce) {
      dropped_ += faults;
      continue;
    }
    StackCount& count = counts_.emplace_back();
    count.stack_index = static_cast<uint32_t>(snapshots_.size());
    count.probe = static_cast<ProbeKind>(0);  // none: a page fault
    count.allocations = faults;
    count.allocated_bytes = faults * static_cast<int64_t>(kSmallPageBytes);
    sample.python_stack = 0;
    snapshots_.push_back(std::move(sample));
    seen_ += faults;
  }
}

std::optional<RawProfile> NativeGrowth::TakeIfDue(int64_t now_ns,
                                                  int64_t period_ns) {
  const bool full = snapshots_.size() >= kMostSnapshotsAtOnce;
  if (snapshots_.empty() || (!full && now_ns - begin_ns_ < period_ns)) {
    return std::nullopt;
  }
  RawProfile raw;
  raw.profile.kind = ProfileKind::kPage;
  raw.profile.begin_boottime_ns = begin_ns_;
  raw.profile.end_boottime_ns = now_ns;
  raw.profile.net_counts_refused = true;
  raw.profile.refusal =
      "page faults show where memory was touched first, not what stays";
  raw.profile.coverage = {.seen = seen_,
                          .total = seen_ + dropped_,
                          .sampled = dropped_ > 0,
                          .method = "page-faults, native stacks"};
  raw.profile.counts = std::exchange(counts_, {});
  raw.stacks.resize(snapshots_.size());
  raw.snapshots = std::exchange(snapshots_, {});
  seen_ = dropped_ = 0;
  begin_ns_ = now_ns;
  return raw;
}

uint64_t NextSamplePeriod(uint64_t period, uint64_t hits, uint64_t most) {
  if (hits > 2 * most) period *= (hits + most - 1) / most;
  if (hits < most / 8) period /= 4;
  return std::clamp<uint64_t>(period, 1, kMostPeriod);
}

}  // namespace plimsoll::core
