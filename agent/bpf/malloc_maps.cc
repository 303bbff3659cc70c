#include "agent/bpf/malloc_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>

#include "agent/bpf/native_record.h"
#include "plimsoll/bpf_malloc.h"

namespace plimsoll::bpf {
namespace {

constexpr uint32_t kZero = 0;
constexpr uint32_t kBatch = 1024;

// All entries of a hash map, by its buckets, so that entries that come and go
// meanwhile make none appear twice. Ends early where the kernel cannot.
template <typename Key, typename Value, typename Visit>
void VisitAll(int fd, uint32_t max_entries, Visit visit) {
  std::vector<Key> keys(kBatch);
  std::vector<Value> values(kBatch);
  uint64_t at = 0;  // the kernel's own position
  void* from = nullptr;
  uint32_t size = kBatch;
  for (uint32_t seen = 0; seen <= 2 * max_entries;) {
    uint32_t count = size;
    const int error = bpf_map_lookup_batch(fd, from, &at, keys.data(),
                                           values.data(), &count, nullptr);
    if (error != 0 && errno == ENOSPC && size < max_entries) {
      size *= 2;  // a bucket larger than the room
      keys.resize(size);
      values.resize(size);
      continue;
    }
    if (error != 0 && errno != ENOENT) return;
    for (uint32_t i = 0; i < count; ++i) visit(keys[i], values[i]);
    if (error != 0) return;  // that was the last
    seen += count;
    from = &at;
  }
}

core::MallocTally TallyOf(const plimsoll_malloc_row& row) {
  return {.allocations = static_cast<int64_t>(row.allocations),
          .allocated_bytes = static_cast<int64_t>(row.allocated_bytes),
          .frees = static_cast<int64_t>(row.frees),
          .freed_bytes = static_cast<int64_t>(row.freed_bytes)};
}

template <typename Key>
auto IsOf(int32_t pid) {
  return [tgid = static_cast<uint32_t>(pid)](const Key& key) {
    return key.tgid == tgid;
  };
}

template <typename Key>
void DeleteAll(int fd, int32_t pid, uint32_t max_entries) {
  for (const Key& key : ListKeys<Key>(fd, max_entries, IsOf<Key>(pid))) {
    bpf_map_delete_elem(fd, &key);
  }
}

}  // namespace

absl::Status MallocMaps::SetText(
    const std::vector<core::TextRange>& ranges) const {
  plimsoll_text_ranges text = {};
  for (const core::TextRange& range : ranges) {
    if (text.count == PLIMSOLL_TEXT_RANGES) break;
    text.begin[text.count] = range.begin;
    text.end[text.count++] = range.end;
  }
  if (bpf_map_update_elem(text_fd, &kZero, &text, BPF_ANY) != 0) {
    return absl::ErrnoToStatus(errno, "set the ranges of code");
  }
  return absl::OkStatus();
}

MallocMaps::RowIndex MallocMaps::ReadRows(int32_t pid,
                                          core::MallocCounts& counts) const {
  RowIndex index;
  UpdateRows(pid, index, counts);
  return index;
}

void MallocMaps::UpdateRows(int32_t pid, RowIndex& index,
                            core::MallocCounts& counts) const {
  const auto mine = IsOf<plimsoll_malloc_key>(pid);
  VisitAll<plimsoll_malloc_key, plimsoll_malloc_row>(
      rows_fd, PLIMSOLL_MALLOC_ROWS,
      [&](const plimsoll_malloc_key& key, const plimsoll_malloc_row& row) {
        if (!mine(key)) return;
        const auto [at, is_new] =
            index.try_emplace({key.stack_hash, key.caller},
                              static_cast<uint32_t>(counts.rows.size()));
        if (is_new) {
          counts.rows.emplace_back();
          // Of a row whose stack was not copied; see MallocSamples::Fill.
          core::NativeSnapshot& place = counts.snapshots.emplace_back();
          place.registers[core::kInstructionPointer] = row.return_address;
        }
        core::MallocTally& tally = counts.rows[at->second].tally;
        const core::MallocTally before = tally;
        tally = TallyOf(row);
        tally.surviving_blocks = before.surviving_blocks;
        tally.surviving_bytes = before.surviving_bytes;
      });
}

void MallocMaps::ReadTotals(core::MallocCounts& counts) const {
  plimsoll_malloc_totals totals = {};
  bpf_map_lookup_elem(totals_fd, &kZero, &totals);
  counts.older_frees = static_cast<int64_t>(totals.older_frees);
  counts.unseen_frees = static_cast<int64_t>(totals.unseen_frees);
  counts.not_kept = static_cast<int64_t>(totals.not_kept);
}

std::vector<LiveBlock> MallocMaps::BlocksBornBefore(int32_t pid,
                                                    int64_t time_ns) const {
  std::vector<LiveBlock> blocks;
  if (time_ns <= 0) return blocks;
  const auto mine = IsOf<plimsoll_malloc_block_key>(pid);
  VisitAll<plimsoll_malloc_block_key, plimsoll_malloc_block>(
      blocks_fd, PLIMSOLL_MALLOC_BLOCKS,
      [&](const plimsoll_malloc_block_key& key,
          const plimsoll_malloc_block& block) {
        if (!mine(key) || block.born_ns >= static_cast<uint64_t>(time_ns)) {
          return;
        }
        blocks.push_back({.address = key.address,
                          .bytes = static_cast<int64_t>(block.bytes),
                          .born_ns = block.born_ns,
                          .stack_hash = block.stack_hash,
                          .caller = block.caller});
      });
  return blocks;
}

bool MallocMaps::IsThere(int32_t pid, const LiveBlock& block) const {
  const plimsoll_malloc_block_key key = {.address = block.address,
                                         .tgid = static_cast<uint32_t>(pid),
                                         .padding = 0};
  plimsoll_malloc_block now = {};
  return bpf_map_lookup_elem(blocks_fd, &key, &now) == 0 &&
         now.born_ns == block.born_ns;
}

void MallocMaps::Clean(int32_t pid) const {
  DeleteAll<plimsoll_malloc_key>(rows_fd, pid, PLIMSOLL_MALLOC_ROWS);
  DeleteAll<plimsoll_malloc_block_key>(blocks_fd, pid, PLIMSOLL_MALLOC_BLOCKS);
  const auto all = [](const plimsoll_malloc_call_key&) { return true; };
  for (const auto& key : ListKeys<plimsoll_malloc_call_key>(
           calls_fd, PLIMSOLL_MALLOC_CALLS, all)) {
    bpf_map_delete_elem(calls_fd, &key);
  }
  const plimsoll_malloc_totals zero = {};
  bpf_map_update_elem(totals_fd, &kZero, &zero, BPF_ANY);
  ReadStacks(stacks_fd, pid, true);
}

absl::StatusOr<std::unique_ptr<MallocSamples>> MallocSamples::Make(
    int ring_fd, int32_t pid) {
  std::unique_ptr<MallocSamples> samples(new MallocSamples(pid));
  errno = 0;
  samples->ring_.reset(
      ring_buffer__new(ring_fd, &OnRecord, samples.get(), nullptr));
  if (samples->ring_ == nullptr) {
    return absl::ErrnoToStatus(errno, "map the ring buffer of malloc");
  }
  // What a window before this one left.
  samples->Poll();
  samples->snapshots_.clear();
  return samples;
}

int MallocSamples::OnRecord(void* self, void* data, size_t size) {
  auto* samples = static_cast<MallocSamples*>(self);
  if (size < sizeof(plimsoll_malloc_sample)) return 0;
  const auto* record = static_cast<const plimsoll_malloc_sample*>(data);
  if (record->hit.tgid != static_cast<uint32_t>(samples->pid_)) return 0;
  samples->snapshots_[{record->hit.stack_hash, record->caller}] =
      SnapshotOf(record->hit);
  return 0;
}

void MallocSamples::Poll() { ring_buffer__consume(ring_.get()); }

void MallocSamples::Fill(StacksByHash stacks, const MallocMaps::RowIndex& rows,
                         core::MallocCounts& counts) {
  counts.stacks.clear();
  counts.stacks.emplace_back();
  absl::flat_hash_map<uint64_t, uint32_t> index_of;
  for (const auto& [key, index] : rows) {
    core::MallocRow& row = counts.rows[index];
    row.snapshot = index;
    if (const auto copy = snapshots_.find(key); copy != snapshots_.end()) {
      counts.snapshots[index] = std::move(copy->second);
    }
    // Of the call, not of what follows it.
    --counts.snapshots[index].registers[core::kInstructionPointer];
    const auto stack = stacks.find(key.first);
    if (stack == stacks.end()) continue;
    const auto [at, is_new] = index_of.try_emplace(
        key.first, static_cast<uint32_t>(counts.stacks.size()));
    if (is_new) counts.stacks.push_back(std::move(stack->second));
    row.python_stack = at->second;
  }
}

}  // namespace plimsoll::bpf
