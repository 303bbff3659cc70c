// Where a process has code, in a bounded number of ranges. Pure; any thread.
#ifndef PLIMSOLL_AGENT_CORE_TEXT_RANGES_H_
#define PLIMSOLL_AGENT_CORE_TEXT_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/core/ports.h"

namespace plimsoll::core {

struct TextRange {  // [begin, end)
  uint64_t begin = 0;
  uint64_t end = 0;
  friend bool operator==(const TextRange&, const TextRange&) = default;
};

// The executable mappings of files, ascending; where there are more than
// `most`, those with the least between them are one.
std::vector<TextRange> TextRanges(const std::vector<Mapping>& mappings,
                                  size_t most);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_TEXT_RANGES_H_
