#include "agent/heap/chunk_use.h"

#include <optional>

#include "agent/heap/request_size.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr uint64_t kHeadWordBytes = 8;

bool IsInUse(const core::MemorySource& memory, const core::BlockClaim& claim) {
  if (claim.address % 16 != 0 || claim.chunk_bytes % 16 != 0 ||
      claim.chunk_bytes < kSmallestChunk ||
      claim.chunk_bytes > kMostRequestBytes ||
      !PlausibleAddress(claim.address)) {
    return false;
  }
  const auto head = ReadValue<uint64_t>(memory, claim.address - kHeadWordBytes);
  if (!head || (*head & ~kChunkFlags) != claim.chunk_bytes) return false;
  // A mapping of its own is gone when it is freed.
  if (*head & kChunkMapped) return true;
  const auto next = ReadValue<uint64_t>(
      memory, claim.address + claim.chunk_bytes - kHeadWordBytes);
  return next && (*next & kChunkPreviousInUse);
}

}  // namespace

std::vector<bool> ChunksInUse(const core::MemorySource& memory,
                              const std::vector<core::BlockClaim>& claims) {
  std::vector<bool> in_use;
  in_use.reserve(claims.size());
  for (const core::BlockClaim& claim : claims) {
    in_use.push_back(IsInUse(memory, claim));
  }
  return in_use;
}

}  // namespace plimsoll::heap
