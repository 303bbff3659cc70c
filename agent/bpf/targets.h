// From core's layouts to the ABI that BPF reads, and back from its stack table
// and drop counters to core's values. Stateless; any thread.
#ifndef PLIMSOLL_AGENT_BPF_TARGETS_H_
#define PLIMSOLL_AGENT_BPF_TARGETS_H_

#include <bpf/bpf.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/python_layout.h"
#include "agent/core/stack_profile.h"
#include "plimsoll/bpf_events.h"

namespace plimsoll::bpf {

// Offsets that lie past what a walk reads are kInvalidArgument. A layout with
// no thread state address gives a target whose hits all have no stack.
absl::StatusOr<plimsoll_frame_layout> MakeFrameLayout(
    const core::FrameLayout& layout);

absl::StatusOr<plimsoll_target> MakeTarget(const core::PythonProcess& python,
                                           uint32_t slot, uint64_t hit_budget);

// The processes that one loaded object watches: its maps targets, progress and
// drops. One thread.
class TargetTable {
 public:
  TargetTable() = default;
  TargetTable(int targets_fd, int progress_fd, int drops_fd)
      : targets_fd_(targets_fd),
        progress_fd_(progress_fd),
        drops_fd_(drops_fd) {}

  // Starts a process' slot from zero. kAlreadyExists: it has one;
  // kResourceExhausted: PLIMSOLL_MAX_TARGETS are taken; kNotFound: it is gone.
  absl::Status Add(const core::PythonProcess& python, uint64_t hit_budget);
  void Remove(int32_t pid);

  absl::Status SetHitBudget(int32_t pid, uint64_t hit_budget);
  // A new epoch: maxima start again from 0. Returns the one before.
  uint32_t NextEpoch(int32_t pid);
  plimsoll_progress Progress(int32_t pid) const;
  std::map<std::string, int64_t> Drops(int32_t pid) const;

 private:
  struct Row {
    uint32_t slot = 0;
    plimsoll_target target = {};
  };
  absl::Status Write(int32_t pid, const plimsoll_target& target) const;

  int targets_fd_ = -1;
  int progress_fd_ = -1;
  int drops_fd_ = -1;
  std::array<bool, PLIMSOLL_MAX_TARGETS> slot_taken_{};
  absl::flat_hash_map<int32_t, Row> rows_;
};

bool ProcessGone(int32_t pid);

using StacksByHash = absl::flat_hash_map<uint64_t, core::RawStack>;

// The stacks of one process; `remove` takes them out of the kernel's table.
StacksByHash ReadStacks(int map_fd, int32_t pid, bool remove);

// Sums over CPUs of one slot's counters, by drop-reason label; zeros left out.
std::map<std::string, int64_t> ReadDrops(int map_fd, uint32_t slot);
absl::Status ClearDrops(int map_fd, uint32_t slot);

// Every key of a hash map for which `wanted` holds. Bounded, however the map
// changes meanwhile; a key that comes or goes meanwhile may be missed.
template <typename Key, typename Wanted>
std::vector<Key> ListKeys(int map_fd, uint32_t max_entries, Wanted wanted) {
  std::vector<Key> keys;
  Key current{}, next{};
  const Key* from = nullptr;
  for (uint32_t i = 0; i < 2 * max_entries; ++i) {
    if (bpf_map_get_next_key(map_fd, from, &next) != 0) break;
    if (wanted(next)) keys.push_back(next);
    current = next;
    from = &current;
  }
  return keys;
}

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_TARGETS_H_
