// Which page faults are growth. A fault takes fresh memory only when its page
// was not in memory before: a page that was there and faults is copied on write
// (after fork), or was given back (MADV_DONTNEED, trimming) and is taken again.
// The kernel's sample does not say which; a list of the pages that were there
// does, and the pages that faulted since.
//
// Left open: with a sample period over 1 a page can come, go and come back
// between two lists unseen (counted as growth, once); a page read back from
// swap counts as growth, since the lists leave swapped pages out.
//
// Pure. One owner, one thread.
#ifndef PLIMSOLL_AGENT_CORE_FRESH_PAGES_H_
#define PLIMSOLL_AGENT_CORE_FRESH_PAGES_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace plimsoll::core {

inline constexpr uint64_t kSmallPageBytes = 4096;

struct PageRange {
  uint64_t start = 0;
  uint64_t end = 0;
  friend bool operator==(const PageRange&, const PageRange&) = default;
};

class FreshPages {
 public:
  // The pages in memory now, by address and disjoint: those of this moment
  // replace what was known.
  void Reset(std::vector<PageRange> resident);
  // Whether a fault at `address` takes a page that was not there. The page is
  // there from now on. Faults in order of time.
  bool Touch(uint64_t address);
  int64_t bytes() const;  // that are known to be there

 private:
  std::vector<PageRange> resident_;
  absl::flat_hash_set<uint64_t> touched_;  // page addresses, since Reset
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_FRESH_PAGES_H_
