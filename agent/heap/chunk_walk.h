// ChunkWalk goes from chunk to chunk through the heaps of glibc's malloc: the
// one that grows by brk, and those of the threads. What lies inside of chunks
// that are larger than a piece is not read.
//
// Where to begin, and where to go on after a head that makes no sense (the heap
// changes while it is read), is told by a chain of heads that lead to each
// other. What stands in a chunk may look like a head as well: an int of a
// million, or None in a list of a Python at a fixed address, does like that of
// megabytes, which may well end at another head. So a first step that leaps is
// believed only from a head behind a chunk in use, which a pointer does not
// look like, and where no chain with a small step begins below its leap.
//
// Whether a chunk is in use stands in the next one's head; those that wait in a
// thread's cache (tcache, fast bins: at most some hundred KiB for a thread)
// count as in use.
//
// Pure; one owner, one thread; everything read is untrusted: addresses only
// grow, at most kMostLooks heads are read one by one, and where more than
// kMostBreaks chains and one in four pieces break (each costs a piece that is
// read again), the rest of the heap is lost.
#ifndef PLIMSOLL_AGENT_HEAP_CHUNK_WALK_H_
#define PLIMSOLL_AGENT_HEAP_CHUNK_WALK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/core/ports.h"
#include "agent/heap/address_range.h"
#include "agent/heap/malloc_chunk.h"

namespace plimsoll::heap {

// The heaps of malloc: the one named [heap], and each readable 64 MiB boundary
// at which a thread's heap begins. By address. [heap] is more than one mapping
// in a process that grows it after a fork, and a chunk lies across their
// border: those that touch are one heap.
std::vector<AddressRange> MallocHeaps(
    const core::MemorySource& memory,
    const std::vector<core::Mapping>& mappings, const RangeSet& readable);

class ChunkWalk {
 public:
  static constexpr size_t kPieceBytes = 64 << 10;
  static constexpr size_t kPayloadBytes = 192;  // shown, if the chunk has them
  static constexpr int kChain = 6;
  static constexpr uint64_t kLeapBytes = 4096;
  static constexpr int64_t kMostLooks = 1 << 18;
  static constexpr int64_t kMostBreaks = 1 << 12;

  ChunkWalk(const core::MemorySource& memory, const RangeSet& readable,
            ChunkVisitor& visitor)
      : memory_(memory),
        readable_(readable),
        visitor_(visitor),
        piece_(kPieceBytes) {}

  void Walk(const AddressRange& heap);

  int64_t chunks() const { return chunks_; }
  int64_t read_bytes() const { return read_bytes_; }
  // Of heaps that were walked, what could not be told.
  int64_t lost_bytes() const { return lost_bytes_; }

 private:
  struct Piece {
    uint64_t start = 0;
    uint64_t end = 0;       // of what was read
    uint64_t heap_end = 0;  // of the heap
  };

  bool ReadPiece(uint64_t at, const AddressRange& heap, Piece& piece);
  // The first address from `at` on where a chain begins; nothing in the piece.
  std::optional<uint64_t> FindChain(uint64_t at, const Piece& piece);
  bool IsChain(uint64_t at, const Piece& piece);
  // Walks what is in the piece; where to go on. False: the chain broke.
  bool WalkPiece(uint64_t& at, const Piece& piece);
  std::optional<uint64_t> SizeWordAt(uint64_t at, const Piece& piece);

  const core::MemorySource& memory_;
  const RangeSet& readable_;
  ChunkVisitor& visitor_;
  std::vector<std::byte> piece_;
  int64_t chunks_ = 0;
  int64_t read_bytes_ = 0;
  int64_t lost_bytes_ = 0;
  int64_t looks_ = 0;
  int64_t breaks_ = 0;
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_CHUNK_WALK_H_
