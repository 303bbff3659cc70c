// Typed reads of a target's memory, and CPython strings as clean UTF-8.
// Everything read is untrusted: nothing means "could not be read or made no
// sense". Threads: as the MemorySource.
#ifndef PLIMSOLL_AGENT_PYTHON_REMOTE_VALUES_H_
#define PLIMSOLL_AGENT_PYTHON_REMOTE_VALUES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "agent/core/ports.h"

namespace plimsoll::python {

// Strings longer than this are cut, on a character.
inline constexpr size_t kMaxStringBytes = 1024;

inline bool ReadExactly(const core::MemorySource& memory, uint64_t address,
                        std::span<std::byte> out) {
  // An address in the upper half is never a user's; + must not wrap.
  if (address < 4096 || address > uint64_t{1} << 57) return false;
  return memory.Read(address, out) == out.size();
}

template <typename T>
std::optional<T> ReadValue(const core::MemorySource& memory, uint64_t address) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  if (!ReadExactly(memory, address,
                   std::as_writable_bytes(std::span(&value, 1)))) {
    return std::nullopt;
  }
  return value;
}

inline std::optional<uint64_t> ReadWord(const core::MemorySource& memory,
                                        uint64_t address) {
  return ReadValue<uint64_t>(memory, address);
}

// A NUL-terminated string of at most kMaxStringBytes, cleaned.
std::optional<std::string> ReadCString(const core::MemorySource& memory,
                                       uint64_t address);

// A str object in the compact representation (every str that the compiler
// makes), of any kind, as UTF-8, cleaned and cut.
std::optional<std::string> ReadStr(const core::MemorySource& memory,
                                   const core::ObjectLayout& layout,
                                   uint64_t address);

// A bytes object of at most `max_bytes`; longer ones are refused.
std::optional<std::string> ReadBytesObject(const core::MemorySource& memory,
                                           uint64_t address, size_t max_bytes);

// Fit to show and to store: control characters, broken UTF-8 and Unicode's
// direction overrides become '?', and the length is at most kMaxStringBytes.
std::string CleanUtf8(std::string_view text);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_REMOTE_VALUES_H_
