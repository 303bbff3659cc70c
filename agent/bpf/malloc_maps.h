// The kernel's maps of a window on malloc, as core's values: rows, blocks that
// are alive, and copies of callers' stacks. For malloc_window.cc. One thread.
#ifndef PLIMSOLL_AGENT_BPF_MALLOC_MAPS_H_
#define PLIMSOLL_AGENT_BPF_MALLOC_MAPS_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/bpf/handles.h"
#include "agent/bpf/targets.h"
#include "agent/core/malloc_rows.h"
#include "agent/core/text_ranges.h"

namespace plimsoll::bpf {

struct LiveBlock {
  uint64_t address = 0;
  int64_t bytes = 0;
  uint64_t born_ns = 0;
  uint64_t stack_hash = 0;  // with `caller`: its row
  uint64_t caller = 0;
};

struct MallocMaps {
  // By (stack_hash, caller), an index of counts.rows.
  using RowKey = std::pair<uint64_t, uint64_t>;
  using RowIndex = absl::flat_hash_map<RowKey, uint32_t>;

  int rows_fd = -1;
  int blocks_fd = -1;
  int calls_fd = -1;
  int totals_fd = -1;
  int text_fd = -1;
  int stacks_fd = -1;

  absl::Status SetText(const std::vector<core::TextRange>& ranges) const;
  RowIndex ReadRows(int32_t pid, core::MallocCounts& counts) const;
  // The same rows as they are now, and those that came meanwhile.
  void UpdateRows(int32_t pid, RowIndex& index,
                  core::MallocCounts& counts) const;
  void ReadTotals(core::MallocCounts& counts) const;
  // CLOCK_MONOTONIC.
  std::vector<LiveBlock> BlocksBornBefore(int32_t pid, int64_t time_ns) const;
  bool IsThere(int32_t pid, const LiveBlock& block) const;
  void Clean(int32_t pid) const;
};

// Callers' stacks from the ring.
class MallocSamples {
 public:
  static absl::StatusOr<std::unique_ptr<MallocSamples>> Make(int ring_fd,
                                                             int32_t pid);
  void Poll();
  // counts.stacks, counts.snapshots and what rows have of both. A row without a
  // copy keeps the address at which it called.
  void Fill(StacksByHash stacks, const MallocMaps::RowIndex& rows,
            core::MallocCounts& counts);

 private:
  explicit MallocSamples(int32_t pid) : pid_(pid) {}
  static int OnRecord(void* self, void* data, size_t size);

  int32_t pid_;
  absl::flat_hash_map<MallocMaps::RowKey, core::NativeSnapshot> snapshots_;
  RingBuffer ring_;
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_MALLOC_MAPS_H_
