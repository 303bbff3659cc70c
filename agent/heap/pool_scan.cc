#include "agent/heap/pool_scan.h"

#include <algorithm>
#include <array>
#include <optional>

#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr size_t kPayloadBytes = 192;

}  // namespace

PoolScan::PoolScan(const core::MemorySource& memory, uint32_t pool_bytes,
                   uint32_t arena_bytes, const RangeSet& extents,
                   PoolVisitor& visitor, ChunkVisitor& chunk_visitor)
    : memory_(memory),
      pool_bytes_(pool_bytes),
      arena_bytes_(arena_bytes),
      extents_(extents),
      visitor_(visitor),
      chunk_visitor_(chunk_visitor),
      piece_(kPieceBytes),
      again_(pool_bytes) {}

void PoolScan::ScanRange(uint64_t start, uint64_t end) {
  int faults = 0;
  start =
      std::max((start + kPageBytes - 1) / kPageBytes * kPageBytes, skip_until_);
  for (uint64_t at = start; at < end && faults < kMostFaultsInARow;) {
    const auto want =
        static_cast<size_t>(std::min<uint64_t>(end - at, kPieceBytes));
    const size_t read =
        std::min(memory_.Read(at, std::span(piece_).first(want)), want);
    totals_.scanned_bytes += static_cast<int64_t>(read);
    const bool whole = read == want;
    const uint64_t next = ScanPiece(at, read, whole && at + want < end);
    if (whole) {
      faults = 0;
      at = next;
    } else {
      ++totals_.read_faults;
      faults = read == 0 ? faults + 1 : 1;
      // Go on behind the page that could not be read.
      at = std::max(next, (at + read) / kPageBytes * kPageBytes + kPageBytes);
    }
    if (at > end) skip_until_ = at;
  }
}

void PoolScan::ScanHeaders(uint64_t start, uint64_t end) {
  ScanSlots(RoundUp(start), end, false);
}

void PoolScan::ScanHeads(uint64_t start, uint64_t end) {
  start =
      std::max((start + kPageBytes - 1) / kPageBytes * kPageBytes, skip_until_);
  if (start >= end) return;
  if (start % pool_bytes_ != 0) start = VisitPages(start);
  ScanSlots(start, end, true);
}

void PoolScan::ScanSlots(uint64_t start, uint64_t end, bool find_chunks) {
  int faults = 0;
  std::vector<uint64_t> addresses;
  uint64_t at = start;
  while (at < end && end - at >= pool_bytes_ && faults < kMostFaultsInARow) {
    addresses.clear();
    for (uint64_t next = at; addresses.size() < kHeadersAtOnce && next < end &&
                             end - next >= pool_bytes_;
         next += pool_bytes_) {
      addresses.push_back(next);
    }
    const size_t read = std::min(
        memory_.ReadEach(
            addresses, kPoolHeaderBytes,
            std::span(piece_).first(addresses.size() * kPoolHeaderBytes)),
        addresses.size());
    const uint64_t next =
        VisitHeaders(std::span(addresses).first(read), find_chunks);
    const uint64_t all = at + read * pool_bytes_;
    at = read == 0 ? at : next;
    if (read == addresses.size() || at > all) {
      faults = 0;
      continue;
    }
    if (at < all) continue;
    // Go on behind the one that could not be read.
    ++totals_.read_faults;
    faults = read == 0 ? faults + 1 : 1;
    at += pool_bytes_;
  }
  if (find_chunks && at > end) skip_until_ = at;
}

uint64_t PoolScan::VisitHeaders(std::span<const uint64_t> addresses,
                                bool find_chunks) {
  for (size_t i = 0; i < addresses.size(); ++i) {
    totals_.scanned_bytes += static_cast<int64_t>(kPoolHeaderBytes);
    const auto header = ParsePoolHeader(
        std::span(piece_).subspan(i * kPoolHeaderBytes, kPoolHeaderBytes),
        addresses[i], pool_bytes_);
    if (header) {
      CountArena(*header, addresses[i]);
      visitor_.VisitHeader(*header, addresses[i]);
      continue;
    }
    if (!find_chunks) continue;
    const uint64_t next = VisitPages(addresses[i]);
    if (next != addresses[i] + pool_bytes_) return next;
  }
  return addresses.empty() ? 0 : addresses.back() + pool_bytes_;
}

uint64_t PoolScan::VisitPages(uint64_t address) {
  std::array<std::byte, kChunkHeadBytes + kPayloadBytes> head;
  do {
    const size_t read = std::min(memory_.Read(address, head), head.size());
    totals_.scanned_bytes += static_cast<int64_t>(read);
    const uint64_t chunk = VisitMapped(std::span(head).first(read), address);
    address += chunk != 0 ? chunk : kPageBytes;
  } while (address % pool_bytes_ != 0);
  return address;
}

void PoolScan::ScanPools(std::span<const uint64_t> pools) {
  const int64_t arenas = totals_.arenas;
  const size_t at_once = kPieceBytes / pool_bytes_;
  for (size_t at = 0; at < pools.size();) {
    const auto some = pools.subspan(at, std::min(pools.size() - at, at_once));
    const size_t read = std::min(
        memory_.ReadEach(some, pool_bytes_,
                         std::span(piece_).first(some.size() * pool_bytes_)),
        some.size());
    totals_.scanned_bytes += static_cast<int64_t>(read * pool_bytes_);
    for (size_t i = 0; i < read; ++i) {
      VisitCopy(std::span<const std::byte>(piece_).subspan(i * pool_bytes_,
                                                           pool_bytes_),
                some[i]);
    }
    if (read < some.size()) ++totals_.read_faults;
    at += read == some.size() ? read : read + 1;
  }
  totals_.arenas = arenas;
}

uint64_t PoolScan::ScanPiece(uint64_t address, size_t read, bool more) {
  const auto piece = std::span<const std::byte>(piece_).first(read);
  uint64_t at = address;
  while (at < address + read) {
    const size_t offset = at - address;
    const size_t have = read - offset;
    if (at % pool_bytes_ == 0) {
      if (have < pool_bytes_ && more) return at;  // whole in the next piece
      if (VisitCopy(piece.subspan(offset, std::min<size_t>(pool_bytes_, have)),
                    at)) {
        at += pool_bytes_;
        continue;
      }
    }
    const uint64_t chunk = VisitMapped(piece.subspan(offset), at);
    at += chunk != 0 ? chunk : kPageBytes;
  }
  return at;
}

uint64_t PoolScan::VisitMapped(std::span<const std::byte> page,
                               uint64_t address) {
  if (page.size() < kChunkHeadBytes) return 0;
  const auto word = Load<uint64_t>(page.data() + 8);
  if ((word & kChunkFlags) != kChunkMapped) return 0;
  const uint64_t end = extents_.EndOf(address);
  if (end == 0) return 0;
  const auto bytes =
      MappedChunkBytes(Load<uint64_t>(page.data()), word, end - address);
  if (!bytes) return 0;
  const size_t show =
      std::min<size_t>(page.size() - kChunkHeadBytes, kPayloadBytes);
  chunk_visitor_.VisitChunk(
      {.address = address, .bytes = *bytes, .in_use = true, .mapped = true},
      page.subspan(kChunkHeadBytes, show));
  return *bytes;
}

bool PoolScan::VisitCopy(std::span<const std::byte> pool, uint64_t address) {
  std::optional<PoolHeader> header =
      ParsePoolHeader(pool, address, pool_bytes_);
  if (!header) return false;
  CountArena(*header, address);
  if (header->empty() || pool.size() < pool_bytes_) {
    visitor_.VisitHeader(*header, address);
    return true;
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
    visitor_.VisitHeader(*header, address);
    return true;
  }
  visitor_.VisitPool(*header, address, pool, free_blocks_, !agrees);
  return true;
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
