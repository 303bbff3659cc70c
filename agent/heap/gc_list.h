// The collector's lists, which lead from tracked object to tracked object.
//
// Pure; one owner, one thread; what is read is untrusted: at most kMostReads
// pages are read by one reader.
#ifndef PLIMSOLL_AGENT_HEAP_GC_LIST_H_
#define PLIMSOLL_AGENT_HEAP_GC_LIST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/core/ports.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {

// Words of a list's nodes. They lie close together, a few size classes of
// pools at a time, so whole pages are kept.
class GcNodeReader {
 public:
  static constexpr int64_t kMostReads = 65536;

  explicit GcNodeReader(const core::MemorySource& memory) : memory_(memory) {}

  // Of a node, or of the object behind it. The heads of the lists are aligned
  // to 4 bytes only in some builds of 3.13, where a word may be in two pages.
  std::optional<uint64_t> Word(uint64_t address) {
    const uint64_t page = address / kPageBytes;
    if (!PlausibleAddress(address) || address % sizeof(uint32_t) != 0) {
      return std::nullopt;
    }
    if (address % kPageBytes > kPageBytes - sizeof(uint64_t)) {
      return ReadValue<uint64_t>(memory_, address);
    }
    Slot& slot = slots_[page % slots_.size()];
    if (slot.page != page) {
      if (reads_left_ == 0) return std::nullopt;
      --reads_left_;
      slot.page = 0;
      if (!ReadAll(memory_, page * kPageBytes, slot.bytes)) return std::nullopt;
      slot.page = page;
    }
    return Load<uint64_t>(&slot.bytes[address % kPageBytes]);
  }

 private:
  static constexpr uint64_t kPageBytes = 4096;
  struct Slot {
    uint64_t page = 0;  // 0: none; the first page is never mapped
    std::array<std::byte, kPageBytes> bytes;
  };
  const core::MemorySource& memory_;
  std::vector<Slot> slots_{256};
  int64_t reads_left_ = kMostReads;
};

// visit(node) for each node of the ring besides its head, which stands at
// `head`; a node is the address of a GC head. False: the ring did not lead back
// within `most` nodes, or could not be read on.
template <typename Visit>
bool ForEachGcNode(GcNodeReader& nodes, uint64_t head, int64_t most,
                   Visit&& visit) {
  constexpr uint64_t kPointerBits = ~uint64_t{3};  // low bits hold flags
  uint64_t at = head;
  for (int64_t i = 0; i <= most; ++i) {
    const auto next = nodes.Word(at);
    if (!next) return false;
    at = *next & kPointerBits;
    if (at == head) return true;
    visit(at);
  }
  return false;
}

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_GC_LIST_H_
