// What objects own outside their block: the table of a dict or set, the items
// of a list, the buffer of a bytearray or of text, the values of an instance.
// By the object's own words where they tell (no read of the target), else by
// the pool block or malloc chunk that its pointer leads to; such pointers wait
// in a queue of kMostWaiting and are read many at once.
//
// The rules, for 3.7-3.15 (Include/cpython, Objects/*object.c, Modules/
// _collectionsmodule.c; what sys.getsizeof adds, unless noted):
//   list        allocated * 8
//   dict        keys, when its table is not shared; values of a shared table up
//               to 3.12 (from 3.13 they mostly lie in the instance)
//   set         (mask + 1) * 16, unless the table is the one inside
//   bytearray   ob_alloc; from 3.15 a bytes object of that size, which is its
//               own (Inner): nobody else can refer to it
//   str         UTF-8 and wchar_t copies; the text itself where not compact
//   deque       66 words for each 64 items
//   array       what its pointer leads to
//   instance    3.11, 3.12: its values array, which sys.getsizeof leaves out
// each rounded as request_size.h says. Shared keys belong to the class and
// static tables (of an empty dict) to nobody: neither is counted.
//
// Everything read is untrusted: what an object claims must lie in memory that
// the target has, and all claims together in as much as it has, else it is
// counted in Totals::implausible and owns nothing.
//
// Pure; one owner, one thread.
#ifndef PLIMSOLL_AGENT_HEAP_OWNED_BYTES_H_
#define PLIMSOLL_AGENT_HEAP_OWNED_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/core/ports.h"
#include "agent/heap/address_range.h"
#include "agent/heap/block_sizes.h"
#include "agent/heap/request_size.h"

namespace plimsoll::heap {

// Bits of TypeObject::owns.
enum Owns : uint8_t {
  kOwnsItems = 1,    // list
  kOwnsKeys = 2,     // dict
  kOwnsTable = 4,    // set, frozenset
  kOwnsBuffer = 8,   // bytearray
  kOwnsText = 16,    // str
  kOwnsBlocks = 32,  // collections.deque
  kOwnsArray = 64,   // array.array
  kOwnsValues = 128  // instances with a managed dict
};

// An object in a local copy of its block or chunk.
struct ObjectCopy {
  std::span<const std::byte> bytes;   // from the object on
  std::span<const std::byte> before;  // GC head and pre-header, in the block
  uint64_t address = 0;
};

class OwnedBytes {
 public:
  static constexpr size_t kMostWaiting = 8192;
  // Reads that fail, in all: a pointer or two of a heap that changes.
  static constexpr int64_t kMostFailures = 1 << 14;

  struct Totals {
    double pool_blocks = 0;  // by weight
    int64_t pool_bytes = 0;
    double chunks = 0;
    int64_t chunk_bytes = 0;
    int64_t implausible = 0;
  };

  // Objects of type bytes that are part of a bytearray: where they were met as
  // objects, they are counted for bytes and here both.
  struct Inner {
    double objects = 0;  // by weight
    int64_t bytes = 0;
  };

  // `extents`: memory that may hold buffers; `readable`: what of it is in
  // memory. All of them must outlive this.
  OwnedBytes(const core::MemorySource& memory,
             const core::PythonProcess& python, const RequestRules& rules,
             const RangeSet& extents, const RangeSet& readable,
             BlockSizes& sizes);

  // How many objects each one counted from now on stands for.
  void set_weight(double weight) { weight_ = weight; }
  // Whether objects in chunks that have no mapping of their own were met.
  void set_chunks_walked(bool walked) { chunks_walked_ = walked; }
  // `owns` is not 0.
  void Count(uint8_t owns, int32_t type, const ObjectCopy& object);
  // Settles what waits: before bytes() and totals() are asked.
  void Settle();

  int64_t bytes(int32_t type) const {
    return static_cast<size_t>(type) < bytes_.size()
               ? bytes_[static_cast<size_t>(type)]
               : 0;
  }
  const Totals& totals() const { return totals_; }
  const Inner& inner() const { return inner_; }

 private:
  enum class What : uint8_t { kRequest, kInnerBytes, kKeys, kValues, kArray };
  struct Waiting {
    uint64_t address = 0;
    uint64_t least = 0;  // bytes asked for; of an array: items
    int32_t type = 0;
    What what = What::kRequest;
    float weight = 1;
  };

  void CountKeys(int32_t type, const ObjectCopy& object);
  void CountTable(int32_t type, const ObjectCopy& object);
  void CountBuffer(int32_t type, const ObjectCopy& object);
  void CountText(int32_t type, const ObjectCopy& object);
  void CountBlocks(int32_t type, const ObjectCopy& object);
  void CountValues(int32_t type, const ObjectCopy& object);
  // A buffer of `request` bytes at `address`.
  void AddRequest(int32_t type, uint64_t address, uint64_t request,
                  What what = What::kRequest);
  // Whatever block or chunk `address` leads to.
  void AddPointer(int32_t type, uint64_t address, What what,
                  uint64_t least = 0);
  void AddBlock(int32_t type, uint32_t block_bytes);
  // A block or chunk that was met as a bytes object.
  void AddInner(int32_t type, uint64_t bytes);
  // `bytes` in that many chunks.
  void AddChunks(int32_t type, uint64_t bytes, uint64_t chunks);
  void Wait(const Waiting& waiting);
  void LearnPools();
  void ReadChunks(std::vector<Waiting>& chunks);
  // What was asked for at `waiting`, by what stands around it; 0: nothing.
  uint64_t RequestOf(const Waiting& waiting,
                     std::span<const std::byte> bytes) const;
  static bool IsByPointer(What what) { return what >= What::kKeys; }
  // Whether what is in the chunk with this size word was met as an object.
  bool IsCounted(uint64_t size_word) const {
    return chunks_walked_ || (size_word & kChunkMapped) != 0;
  }
  // `bytes` by the weight; returns what was charged.
  int64_t Charge(int32_t type, uint64_t bytes);

  const core::MemorySource& memory_;
  const core::ObjectLayout& layout_;
  const int minor_;
  const RequestRules rules_;
  const RangeSet& extents_;
  const uint64_t extents_bytes_;
  const RangeSet& readable_;
  BlockSizes& sizes_;
  std::vector<int64_t> bytes_;  // by type
  double weight_ = 1;
  bool chunks_walked_ = false;
  int64_t failures_left_ = kMostFailures;
  std::vector<Waiting> waiting_;
  Totals totals_;
  Inner inner_;
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_OWNED_BYTES_H_
