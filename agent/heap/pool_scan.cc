#include "agent/heap/pool_scan.h"

#include <algorithm>
#include <optional>

#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr uint64_t kPageBytes = 4096;

}  // namespace

PoolScan::PoolScan(const core::MemorySource& memory, uint32_t pool_bytes,
                   uint32_t arena_bytes, PoolVisitor& visitor)
    : memory_(memory),
      pool_bytes_(pool_bytes),
      arena_bytes_(arena_bytes),
      visitor_(visitor),
      piece_(kPieceBytes),
      again_(pool_bytes) {}

void PoolScan::ScanRange(uint64_t start, uint64_t end) {
  int faults = 0;
  for (uint64_t at = RoundUp(start); at < end && faults < kMostFaultsInARow;) {
    const auto want =
        static_cast<size_t>(std::min<uint64_t>(end - at, kPieceBytes));
    const size_t read = ScanPiece(at, want);
    if (read == want) {
      faults = 0;
      at += want;
      continue;
    }
    ++totals_.read_faults;
    faults = read == 0 ? faults + 1 : 1;
    // Go on behind the page that could not be read.
    at = RoundUp((at + read) / kPageBytes * kPageBytes + kPageBytes);
  }
}

void PoolScan::ScanHeaders(uint64_t start, uint64_t end) {
  int faults = 0;
  std::array<std::byte, kPoolHeaderBytes> bytes;
  for (uint64_t at = RoundUp(start);
       at < end && end - at >= pool_bytes_ && faults < kMostFaultsInARow;
       at += pool_bytes_) {
    if (memory_.Read(at, bytes) != bytes.size()) {
      ++totals_.read_faults;
      ++faults;
      continue;
    }
    faults = 0;
    totals_.scanned_bytes += bytes.size();
    if (const auto header = ParsePoolHeader(bytes, at, pool_bytes_)) {
      CountArena(*header, at);
      visitor_.VisitHeader(*header);
    }
  }
}

size_t PoolScan::ScanPiece(uint64_t address, size_t bytes) {
  const std::span<std::byte> piece = std::span(piece_).first(bytes);
  const size_t read = std::min(memory_.Read(address, piece), bytes);
  totals_.scanned_bytes += static_cast<int64_t>(read);
  for (size_t at = 0; at + kPoolHeaderBytes <= read; at += pool_bytes_) {
    VisitCopy(piece.subspan(at, std::min<size_t>(pool_bytes_, read - at)),
              address + at);
  }
  return read;
}

void PoolScan::VisitCopy(std::span<const std::byte> pool, uint64_t address) {
  std::optional<PoolHeader> header =
      ParsePoolHeader(pool, address, pool_bytes_);
  if (!header) return;
  CountArena(*header, address);
  if (header->empty() || pool.size() < pool_bytes_) {
    visitor_.VisitHeader(*header);
    return;
  }
  bool agrees = free_blocks_.Walk(pool, address, *header);
  for (int attempt = 1; !agrees && attempt < kTries; ++attempt) {
    if (memory_.Read(address, again_) != again_.size()) break;
    const auto newer = ParsePoolHeader(again_, address, pool_bytes_);
    if (!newer) break;
    header = newer;
    pool = again_;
    agrees = free_blocks_.Walk(pool, address, *header);
  }
  if (header->empty()) {
    visitor_.VisitHeader(*header);
    return;
  }
  visitor_.VisitPool(*header, pool, free_blocks_, !agrees);
}

// Pools of one arena have its index and lie within its size; interpreters
// beside the main one number their arenas from 0 again.
void PoolScan::CountArena(const PoolHeader& header, uint64_t address) {
  if (in_arena_ && header.arena_index == arena_index_ &&
      address - arena_start_ < arena_bytes_) {
    return;
  }
  ++totals_.arenas;
  in_arena_ = true;
  arena_index_ = header.arena_index;
  arena_start_ = address;
}

}  // namespace plimsoll::heap
