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

// Of blocks that were followed, and of those from before the window.
int64_t FreesSeen(const MallocCounts& counts) {
  int64_t frees = counts.sample_every > 1 ? 0 : counts.older_frees;
  for (const MallocRow& row : counts.rows) frees += row.tally.frees;
  return frees;
}

MallocTally StandsFor(MallocTally tally, int64_t each) {
  tally.samples = tally.surviving_blocks;
  for (int64_t* count :
       {&tally.allocations, &tally.allocated_bytes, &tally.frees,
        &tally.freed_bytes, &tally.surviving_blocks, &tally.surviving_bytes}) {
    *count *= each;
  }
  return tally;
}

}  // namespace

MallocTally& MallocTally::operator+=(const MallocTally& more) {
  allocations += more.allocations;
  allocated_bytes += more.allocated_bytes;
  frees += more.frees;
  freed_bytes += more.freed_bytes;
  surviving_blocks += more.surviving_blocks;
  surviving_bytes += more.surviving_bytes;
  samples += more.samples;
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
    sums[at->second].tally += StandsFor(row.tally, counts.sample_every);
  }
}

}  // namespace plimsoll::core
