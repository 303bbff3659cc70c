// The entries of a dict with a combined table, as addresses, and what its keys
// object takes. Sources:
// Objects/dict-common.h (up to 3.10), Include/internal/pycore_dict.h (3.11+);
// where things are comes with ObjectLayout.
//
// Pure; bounded by `max_entries`; everything read is untrusted.
#ifndef PLIMSOLL_AGENT_HEAP_DICT_ENTRIES_H_
#define PLIMSOLL_AGENT_HEAP_DICT_ENTRIES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/core/ports.h"

namespace plimsoll::heap {

struct DictEntry {
  uint64_t key = 0;
  uint64_t value = 0;
};

// In insertion order, without deleted ones; empty when the dict is split, is
// none or cannot be read.
std::vector<DictEntry> ReadDictEntries(const core::MemorySource& memory,
                                       const core::ObjectLayout& layout,
                                       uint64_t dict_address,
                                       size_t max_entries);

// What a keys object was asked for, by its first bytes: head, indices, entries
// for two thirds of the slots. 0: makes no sense.
uint64_t DictKeysBytes(std::span<const std::byte> keys,
                       const core::ObjectLayout& layout);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_DICT_ENTRIES_H_
