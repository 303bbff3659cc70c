// Tiers 2 and 3: what is alive in a heap. Plain values.
#ifndef PLIMSOLL_AGENT_CORE_HEAP_CENSUS_H_
#define PLIMSOLL_AGENT_CORE_HEAP_CENSUS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::core {

// Share of the truth that a figure covers; never ship a figure without it.
struct Coverage {
  int64_t seen = 0;
  int64_t total = 0;  // 0: not known
  bool sampled = false;
  double standard_error = 0;  // ratio; 0 when exact
  std::string method;
  double share() const {
    return total > 0 ? static_cast<double>(seen) / static_cast<double>(total)
                     : 0;
  }
};

struct TypeCount {
  std::string type;  // module.QualName; builtins bare
  uint64_t type_address = 0;
  int64_t objects = 0;
  int64_t bytes = 0;
  double standard_error = 0;  // of objects; 0: counted, not estimated
};

// Blocks of one pymalloc size class.
struct SizeClass {
  int32_t block_bytes = 0;
  int64_t pools = 0;
  int64_t blocks_live = 0;
  int64_t blocks_free = 0;
};

struct GcGeneration {
  int64_t collections = 0;
  int64_t collected = 0;
  int64_t uncollectable = 0;
};

// Read from the collector's own state, not from probes.
struct GcState {
  std::vector<GcGeneration> generations;  // youngest first
  std::optional<bool> enabled;
  // Of each generation, as gc.get_threshold() says; empty: not known.
  std::vector<int64_t> thresholds;
  // What gc.freeze() put out of the collector's sight, as
  // gc.get_freeze_count() says.
  std::optional<int64_t> frozen_objects;
  // The oldest generation is collected when a quarter of the objects in it is
  // pending: came there since. Both are of its last collection and the ones of
  // the middle generation after that.
  struct LongLived {
    int64_t total = 0;
    int64_t pending = 0;
  };
  std::optional<LongLived> long_lived;
};

// What malloc holds of a process' private anonymous memory: bytes that are in
// memory, heads of chunks included. Chunks that wait in a thread's cache count
// as live. Native, that is nobody's in Python: live - object - buffer bytes.
struct MallocUse {
  int64_t live_chunks = 0;  // 0: this malloc is not glibc's, or not looked at
  int64_t live_bytes = 0;
  int64_t free_bytes = 0;
  int64_t objects = 0;  // chunks that are Python objects themselves
  int64_t object_bytes = 0;
  int64_t buffer_bytes = 0;  // owned by Python objects (whole chunks)
  int64_t lost_bytes = 0;    // of heaps, where no chain of chunks was found
};

struct HeapCensus {
  std::vector<TypeCount> types;  // by bytes, largest first; one per name
  // The types past CensusOptions::max_types, summed.
  int64_t other_types = 0;
  int64_t other_objects = 0;
  int64_t other_bytes = 0;
  int64_t unknown_blocks = 0;  // live blocks that hold no object
  int64_t unknown_bytes = 0;
  // Buffers that objects claim to own and that cannot be: a few when the heap
  // changed while it was read, many in a heap that was made up.
  int64_t implausible_claims = 0;
  std::vector<SizeClass> size_classes;  // by block_bytes
  int64_t arenas = 0;
  int64_t arena_bytes = 0;
  int64_t pools_free = 0;
  MallocUse malloc;
  // The memory that was looked at: private, anonymous, in memory. Less pools
  // and malloc's live and free bytes: stacks of threads, other allocators.
  int64_t resident_bytes = 0;
  int64_t read_faults = 0;
  int64_t scanned_bytes = 0;
  int64_t duration_ns = 0;
  Coverage coverage;  // live blocks examined, of those in the pools found
  GcState gc;
};

struct CensusOptions {
  bool headers_only = false;  // tier 2: pool headers, no types
  int32_t max_types = 500;    // the rest is summed; 0: all
  // Where there is more memory with pools than this, a random sample of pools
  // of about this size is read, and counts have a standard error. 0: never.
  int64_t max_scan_bytes = 0;
  uint64_t seed = 1;  // of the sample; another one for each census
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_HEAP_CENSUS_H_
