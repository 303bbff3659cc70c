// Loads from a local copy of foreign bytes, and whole reads of a MemorySource.
// The copy may be unaligned and may hold anything; nothing here dereferences
// an address of the target. Threads: any.
#ifndef PLIMSOLL_AGENT_HEAP_WORDS_H_
#define PLIMSOLL_AGENT_HEAP_WORDS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

#include "agent/core/ports.h"

namespace plimsoll::heap {

// User space ends below 2^47 (4-level) or 2^56 (5-level page tables); the
// first page is never mapped. Additions to such an address cannot wrap.
inline constexpr uint64_t kLowestAddress = 4096;
inline constexpr uint64_t kHighestAddress = uint64_t{1} << 56;

inline bool PlausibleAddress(uint64_t address) {
  return address >= kLowestAddress && address < kHighestAddress;
}

// The caller has checked that sizeof(T) bytes are there.
template <typename T>
inline T Load(const std::byte* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

// The T at `offset` of `bytes`; nothing when it is not all inside. Layout
// offsets come from elsewhere and may be kAbsent (negative).
template <typename T>
inline std::optional<T> LoadAt(std::span<const std::byte> bytes,
                               int64_t offset) {
  if (offset < 0 || bytes.size() < sizeof(T) ||
      static_cast<uint64_t>(offset) > bytes.size() - sizeof(T)) {
    return std::nullopt;
  }
  return Load<T>(bytes.data() + offset);
}

inline bool ReadAll(const core::MemorySource& memory, uint64_t address,
                    std::span<std::byte> out) {
  return PlausibleAddress(address) && memory.Read(address, out) == out.size();
}

template <typename T>
inline std::optional<T> ReadValue(const core::MemorySource& memory,
                                  uint64_t address) {
  T value;
  if (!ReadAll(memory, address, std::as_writable_bytes(std::span(&value, 1)))) {
    return std::nullopt;
  }
  return value;
}

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_WORDS_H_
