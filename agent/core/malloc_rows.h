// From the counts of windows on malloc to rows that people read: the native
// caller, above it the Python code that it worked for, and what of its blocks
// is proven to have survived the window.
//
// A block survived when it was made at least `rest` before the window's last
// look, was freed by no call that the probes saw, and still stood in use by the
// head of its chunk in memory while they were attached. Where frees may have
// gone by the probes, none is said to (SurvivorRefusal).
//
// Pure; any thread.
#ifndef PLIMSOLL_AGENT_CORE_MALLOC_ROWS_H_
#define PLIMSOLL_AGENT_CORE_MALLOC_ROWS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/core/native_stack.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::core {

struct MallocTally {
  int64_t allocations = 0;
  int64_t allocated_bytes = 0;  // of chunks, else as asked for
  // Of these allocations, in the same window.
  int64_t frees = 0;
  int64_t freed_bytes = 0;
  int64_t surviving_blocks = 0;
  int64_t surviving_bytes = 0;
  int64_t samples = 0;  // surviving blocks that were seen, each one's proof
  MallocTally& operator+=(const MallocTally& more);
};

struct MallocRow {
  uint32_t python_stack = 0;  // index beside; 0: none
  uint32_t snapshot = 0;      // index beside
  MallocTally tally;
};

// One window. Rows count what was followed: one in `sample_every` allocations.
struct MallocCounts {
  int64_t sample_every = 1;
  std::vector<RawStack> stacks;  // Python's; [0] is empty
  // The caller's registers and stack at a row's first allocation; where that
  // was lost, the instruction pointer alone.
  std::vector<NativeSnapshot> snapshots;
  std::vector<MallocRow> rows;
  int64_t older_frees = 0;   // of blocks from before the window
  int64_t unseen_frees = 0;  // addresses handed out again without a free
  int64_t not_kept = 0;      // allocations whose later free is not known
  // Why no block is said to have survived; empty when some may be.
  std::string refusal;
  int64_t rest_ns = 0;
  std::map<std::string, int64_t> drops;  // by drop-reason label
};

// Past this share of all frees that were seen, unseen ones are no accident.
inline constexpr double kMostUnseenFrees = 0.001;

// What was lost that makes survivors a guess, or "". `checkable`: chunks have
// heads that can be looked at.
std::string SurvivorRefusal(const MallocCounts& counts, bool budget_spent,
                            bool checkable, const std::string& allocator);

// A row behind naming.
struct MallocStack {
  Stack stack;
  MallocTally tally;
};

// Adds a window's rows to `sums`, equal stacks to one, as what was followed
// stands for. `python` and `native`
// stand beside counts.stacks and counts.snapshots; a row whose snapshot is not
// in `native` keeps its Python stack alone.
void AddMallocRows(const MallocCounts& counts, const std::vector<Stack>& python,
                   const std::vector<NativeStack>& native,
                   const std::string& interpreter,
                   std::vector<MallocStack>& sums);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_MALLOC_ROWS_H_
