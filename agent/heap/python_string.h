// Names in a target's memory as clean UTF-8: C strings and str objects.
// Bounded: a name is cut at kMaxNameBytes, on a character.
// Pure; everything read is untrusted. Threads: as the MemorySource.
#ifndef PLIMSOLL_AGENT_HEAP_PYTHON_STRING_H_
#define PLIMSOLL_AGENT_HEAP_PYTHON_STRING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/ports.h"

namespace plimsoll::heap {

inline constexpr size_t kMaxNameBytes = 256;

// The NUL-terminated string at `address`, cut when no NUL comes in time.
// Nothing when it cannot be read up to there, is empty or is not printable.
std::optional<std::string> ReadName(const core::MemorySource& memory,
                                    uint64_t address);

// A str object in the compact representation, of any kind. Nothing when it is
// not one, is empty or is not printable.
std::optional<std::string> ReadStr(const core::MemorySource& memory,
                                   const core::ObjectLayout& layout,
                                   uint64_t address);

// Longest prefix of at most kMaxNameBytes that ends on a character; nothing
// when it holds a control character or is not UTF-8.
std::optional<std::string> PrintablePrefix(std::string_view text);

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_PYTHON_STRING_H_
