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
// whole. Bounded: one system call more for each that cannot.
template <typename Visit>
void ReadScattered(const core::MemorySource& memory,
                   std::span<const uint64_t> addresses, size_t bytes,
                   Visit&& visit) {
  constexpr size_t kAtOnce = 256;
  std::vector<std::byte> buffer(std::min(addresses.size(), kAtOnce) * bytes);
  for (size_t at = 0; at < addresses.size();) {
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
    at += read == some.size() ? read : read + 1;
  }
}

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_READ_SCATTERED_H_
