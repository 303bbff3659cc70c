#include "agent/heap/malloc_chunk.h"

#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

// struct malloc_state follows the first heap_info, which has grown by a word.
constexpr uint64_t kMostInfoBytes = 128;

}  // namespace

std::optional<HeapInfo> ParseHeapInfo(std::span<const std::byte> bytes,
                                      uint64_t address) {
  if (bytes.size() < kHeapInfoBytes) return std::nullopt;
  const auto arena = Load<uint64_t>(bytes.data());
  const auto previous = Load<uint64_t>(bytes.data() + 8);
  const auto size = Load<uint64_t>(bytes.data() + 16);
  const auto writable = Load<uint64_t>(bytes.data() + 24);
  const bool first = previous == 0;
  if (!PlausibleAddress(arena) || arena % 16 != 0 ||
      previous % kThreadHeapBytes != 0 || size == 0 || size % 4096 != 0 ||
      size > kThreadHeapBytes || writable < size || writable % 4096 != 0 ||
      writable > kThreadHeapBytes ||
      arena % kThreadHeapBytes > kMostInfoBytes ||
      arena % kThreadHeapBytes < kHeapInfoBytes ||
      first != (arena - arena % kThreadHeapBytes == address)) {
    return std::nullopt;
  }
  return HeapInfo{arena, size};
}

}  // namespace plimsoll::heap
