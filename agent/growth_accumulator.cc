#include "agent/growth_accumulator.h"

#include <algorithm>

namespace plimsoll::agent {
namespace {

constexpr size_t kMaxRows = 4096;

}  // namespace

void GrowthAccumulator::Add(const std::vector<core::RawStack>& stacks,
                            const std::vector<core::StackCount>& counts,
                            int64_t now_ns) {
  if (begin_ns_ == 0) begin_ns_ = now_ns;
  for (const core::StackCount& count : counts) {
    if (count.stack_index >= stacks.size()) continue;
    const core::RawStack& stack = stacks[count.stack_index];
    Key key;
    key.first = stack.truncated;
    for (const core::RawFrame& frame : stack.frames) {
      key.second.emplace_back(frame.code_address, frame.instruction);
    }
    if (rows_.size() >= kMaxRows && !rows_.contains(key)) {
      dropped_ += count.allocations;
      continue;
    }
    Row& row = rows_[std::move(key)];
    row.allocations += count.allocations;
    row.bytes += count.allocated_bytes;
  }
}

std::optional<core::RawProfile> GrowthAccumulator::TakeIfDue(
    int64_t now_ns, int64_t period_ns) {
  if (rows_.empty() || now_ns - begin_ns_ < period_ns) return std::nullopt;
  std::vector<std::pair<Key, Row>> rows(rows_.begin(), rows_.end());
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.second.bytes != b.second.bytes ? a.second.bytes > b.second.bytes
                                            : a.first < b.first;
  });
  core::RawProfile raw;
  raw.profile.kind = core::ProfileKind::kPage;
  raw.profile.begin_boottime_ns = begin_ns_;
  raw.profile.end_boottime_ns = now_ns;
  raw.profile.net_counts_refused = true;
  raw.profile.refusal =
      "page faults show where memory was touched first, not what stays";
  raw.profile.coverage.method = "page-faults";
  raw.profile.coverage.total = dropped_;
  for (auto& [key, row] : rows) {
    raw.profile.coverage.total += row.allocations;
    if (raw.stacks.size() >= kMaxStacks) continue;
    raw.profile.coverage.seen += row.allocations;
    core::RawStack& stack = raw.stacks.emplace_back();
    stack.truncated = key.first;
    for (const auto& [code, instruction] : key.second) {
      stack.frames.push_back({code, instruction});
    }
    core::StackCount& count = raw.profile.counts.emplace_back();
    count.stack_index = static_cast<uint32_t>(raw.stacks.size() - 1);
    count.allocations = row.allocations;
    count.allocated_bytes = row.bytes;
  }
  raw.profile.coverage.sampled =
      raw.profile.coverage.seen < raw.profile.coverage.total;
  rows_.clear();
  dropped_ = 0;
  begin_ns_ = now_ns;
  return raw;
}

}  // namespace plimsoll::agent
