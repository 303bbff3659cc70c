#include "agent/core/malloc_rows.h"

#include <tuple>
#include <utility>

#include "agent/core/native_rows.h"

namespace plimsoll::core {
namespace {

using Key = std::vector<std::tuple<std::string, std::string, std::string, int>>;

Key KeyOf(const Stack& stack) {
  Key key;
  for (const Frame& frame : stack.frames) {
    key.emplace_back(frame.module, frame.function, frame.file, frame.line);
  }
  return key;
}

int64_t FreesSeen(const MallocCounts& counts) {
  int64_t frees = counts.older_frees;
  for (const MallocRow& row : counts.rows) frees += row.tally.frees;
  return frees;
}

}  // namespace

MallocTally& MallocTally::operator+=(const MallocTally& more) {
  allocations += more.allocations;
  allocated_bytes += more.allocated_bytes;
  frees += more.frees;
  freed_bytes += more.freed_bytes;
  surviving_blocks += more.surviving_blocks;
  surviving_bytes += more.surviving_bytes;
  return *this;
}

std::string SurvivorRefusal(const MallocCounts& counts, bool budget_spent,
                            bool checkable, const std::string& allocator) {
  if (!checkable) {
    return "malloc is " + (allocator.empty() ? "not glibc's" : allocator) +
           ", whose blocks do not tell whether they are in use: not freed in "
           "the window is all that is known";
  }
  if (budget_spent) {
    return "the window was cut when its budget was spent: frees after that "
           "were not seen";
  }
  const int64_t seen = FreesSeen(counts);
  // Of the unseen only those show whose address was handed out again.
  if (static_cast<double>(counts.unseen_frees) >
      kMostUnseenFrees * static_cast<double>(seen)) {
    return "frees go by the probes: " + std::to_string(counts.unseen_frees) +
           " addresses were handed out again without one, beside " +
           std::to_string(seen) + " frees that were seen";
  }
  return "";
}

void AddMallocRows(const MallocCounts& counts, const std::vector<Stack>& python,
                   const std::vector<NativeStack>& native,
                   const std::string& interpreter,
                   std::vector<MallocStack>& sums) {
  std::map<Key, size_t> index;
  for (size_t i = 0; i < sums.size(); ++i) index[KeyOf(sums[i].stack)] = i;
  const NativeStack unknown = {
      .frames = {}, .end = UnwindEnd::kFailed, .page = PageOwner::kNotKnown};
  for (const MallocRow& row : counts.rows) {
    if (row.python_stack >= python.size()) continue;
    Stack joined = JoinStacks(
        row.snapshot < native.size() ? native[row.snapshot] : unknown,
        python[row.python_stack], interpreter);
    const auto [at, is_new] = index.try_emplace(KeyOf(joined), sums.size());
    if (is_new) sums.push_back({std::move(joined), {}});
    sums[at->second].tally += row.tally;
  }
}

}  // namespace plimsoll::core
