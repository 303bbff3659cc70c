#include "agent/heap/chunk_walk.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

// The last words of a thread's heap that is full: chunks too small to be one.
constexpr uint64_t kFencepostBytes = 64;

uint64_t RoundUp(uint64_t value, uint64_t to) {
  return (value + to - 1) / to * to;
}

}  // namespace

std::vector<AddressRange> MallocHeaps(
    const core::MemorySource& memory,
    const std::vector<core::Mapping>& mappings, const RangeSet& readable) {
  std::vector<AddressRange> named;
  for (const core::Mapping& m : mappings) {
    if (m.path == "[heap]") named.push_back({m.start, m.end});
  }
  const RangeSet main_heap(std::move(named));
  std::vector<AddressRange> heaps = main_heap.ranges();
  for (const AddressRange& range : readable.ranges()) {
    for (uint64_t at = RoundUp(range.start, kThreadHeapBytes); at < range.end;
         at += kThreadHeapBytes) {
      std::array<std::byte, kHeapInfoBytes> head;
      if (main_heap.Contains(at) || !ReadAll(memory, at, head)) continue;
      const auto info = ParseHeapInfo(head, at);
      if (!info) continue;
      const uint64_t first = info->arena - info->arena % kThreadHeapBytes;
      if (first != at &&
          (!ReadAll(memory, first, head) || !ParseHeapInfo(head, first))) {
        continue;
      }
      heaps.push_back({at, at + info->bytes});
    }
  }
  std::sort(heaps.begin(), heaps.end(),
            [](const auto& a, const auto& b) { return a.start < b.start; });
  return heaps;
}

void ChunkWalk::Walk(const AddressRange& heap) {
  bool in_chain = false;
  for (uint64_t at = RoundUp(heap.start, 16);
       at + kChunkHeadBytes <= heap.end;) {
    Piece piece;
    if (!ReadPiece(at, heap, piece)) {
      in_chain = false;
      const uint64_t next = readable_.NextStart(at);
      if (next == 0) break;
      at = next;
      continue;
    }
    if (!in_chain) {
      const auto start = FindChain(at, piece);
      const uint64_t from = start.value_or(piece.end);
      lost_bytes_ += static_cast<int64_t>(from - at);
      at = from;
      in_chain = start.has_value();
      if (!in_chain) continue;
    }
    in_chain = WalkPiece(at, piece);
    if (in_chain) continue;
    if (++breaks_ >
        kMostBreaks + read_bytes_ / static_cast<int64_t>(4 * kPieceBytes)) {
      lost_bytes_ += static_cast<int64_t>(readable_.Overlap(at, heap.end - at));
      return;
    }
    lost_bytes_ += kChunkHeadBytes;
    at += kChunkHeadBytes;
  }
}

bool ChunkWalk::ReadPiece(uint64_t at, const AddressRange& heap, Piece& piece) {
  const uint64_t end = std::min(readable_.EndOf(at), heap.end);
  if (end < at + kChunkHeadBytes) return false;
  const auto want =
      static_cast<size_t>(std::min<uint64_t>(end - at, kPieceBytes));
  const size_t read =
      std::min(memory_.Read(at, std::span(piece_).first(want)), want);
  read_bytes_ += static_cast<int64_t>(read);
  if (read < kChunkHeadBytes) return false;
  piece = {at, at + read / 16 * 16, heap.end};
  return true;
}

std::optional<uint64_t> ChunkWalk::SizeWordAt(uint64_t at, const Piece& piece) {
  if (at >= piece.start && at + kChunkHeadBytes <= piece.end) {
    return Load<uint64_t>(piece_.data() + (at - piece.start) + 8);
  }
  if (looks_ >= kMostLooks || !readable_.Contains(at + 8)) return std::nullopt;
  ++looks_;
  return ReadValue<uint64_t>(memory_, at + 8);
}

bool ChunkWalk::IsChain(uint64_t at, const Piece& piece) {
  for (int i = 0; i < kChain; ++i) {
    const auto word = SizeWordAt(at, piece);
    if (!word) return false;
    const auto bytes = HeapChunkBytes(*word, piece.heap_end - at);
    if (!bytes) return false;
    at += *bytes;
    if (at + kFencepostBytes >= piece.heap_end) return true;
  }
  return true;
}

std::optional<uint64_t> ChunkWalk::FindChain(uint64_t at, const Piece& piece) {
  uint64_t leap = 0, leaps_to = piece.end;
  for (; at + kChunkHeadBytes <= std::min(piece.end, leaps_to); at += 16) {
    const auto word = Load<uint64_t>(piece_.data() + (at - piece.start) + 8);
    const auto bytes = HeapChunkBytes(word, piece.heap_end - at);
    const bool leaps = bytes && *bytes > kLeapBytes;
    if (!bytes || (leaps && (leap != 0 || !(word & kChunkPreviousInUse))) ||
        !IsChain(at, piece)) {
      continue;
    }
    if (!leaps) return at;
    leap = at;
    leaps_to = at + *bytes;
  }
  return leap == 0 ? std::nullopt : std::optional(leap);
}

bool ChunkWalk::WalkPiece(uint64_t& at, const Piece& piece) {
  while (at + kChunkHeadBytes <= piece.end) {
    const uint64_t offset = at - piece.start;
    const auto word = Load<uint64_t>(piece_.data() + offset + 8);
    const auto bytes = HeapChunkBytes(word, piece.heap_end - at);
    if (!bytes) {
      if (piece.heap_end - at > kFencepostBytes) return false;
      at = piece.heap_end;
      return true;
    }
    // It goes on into the next one's head, which stands on the heap too.
    const uint64_t show = std::min({*bytes - 8, uint64_t{kPayloadBytes},
                                    piece.heap_end - at - kChunkHeadBytes});
    // Its first bytes lie behind the piece: one that begins with it.
    if (at + kChunkHeadBytes + show > piece.end && offset > 0) return true;
    const uint64_t next = at + *bytes;
    Chunk chunk{.address = at, .bytes = *bytes};
    // The last one is what is not handed out yet.
    if (next + kChunkHeadBytes <= piece.heap_end) {
      chunk.in_use = SizeWordAt(next, piece).value_or(0) & kChunkPreviousInUse;
    }
    const size_t begin = offset + kChunkHeadBytes;
    const size_t have = piece.end - piece.start;
    visitor_.VisitChunk(chunk,
                        std::span<const std::byte>(piece_).subspan(
                            begin, std::min<size_t>(show, have - begin)));
    ++chunks_;
    at = next;
  }
  return true;
}

}  // namespace plimsoll::heap
