// From core's layouts to the ABI that BPF reads, and back from its stack table
// and drop counters to core's values. Stateless; any thread.
#ifndef PLIMSOLL_AGENT_BPF_TARGETS_H_
#define PLIMSOLL_AGENT_BPF_TARGETS_H_

#include <bpf/bpf.h>

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
