// Many small reads, of which some may fail.
#ifndef PLIMSOLL_AGENT_HEAP_READ_SCATTERED_H_
#define PLIMSOLL_AGENT_HEAP_READ_SCATTERED_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/core/ports.h"

namespace plimsoll::heap {

// Calls visit(address, bytes) for each address, in order, that can be read
// whole. Each that cannot costs a system call more and one of `failures_left`;
// when none is left, the rest is left out. Returns how many were gone through.
template <typename Visit>
size_t ReadScattered(const core::MemorySource& memory,
                     std::span<const uint64_t> addresses, size_t bytes,
                     int64_t& failures_left, Visit&& visit) {
  constexpr size_t kAtOnce = 256;
  std::vector<std::byte> buffer(std::min(addresses.size(), kAtOnce) * bytes);
  size_t at = 0;
  while (at < addresses.size() && failures_left > 0) {
    const auto some =
        addresses.subspan(at, std::min(addresses.size() - at, kAtOnce));
    const size_t read =
        std::min(memory.ReadEach(some, bytes,
                                 std::span(buffer).first(some.size() * bytes)),
                 some.size());
    for (size_t i = 0; i < read; ++i) {
      visit(some[i],
            std::span<const std::byte>(buffer).subspan(i * bytes, bytes));
    }
    at += read;
    if (read == some.size()) continue;
    ++at;
    --failures_left;
  }
  return at;
}

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_READ_SCATTERED_H_
