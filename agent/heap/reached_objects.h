// Objects over 512 bytes where malloc is not glibc's and its chunks cannot be
// walked (jemalloc, musl ...): those that the collector's lists lead to, and
// those that tracked lists, tuples and dicts hold. Their size is what they ask
// for, rounded up to 16: what the allocator makes of it is not known.
//
// Not found: what only an instance's attributes, a C structure or an untracked
// container holds (the bytes of a BytesIO; a tuple of texts alone, which 3.14
// does not track from the start).
//
// Pure; one owner, one thread; everything read is untrusted. Bounded:
// kMostNodes of the lists, kMostItems of containers, kMostObjects found.
#ifndef PLIMSOLL_AGENT_HEAP_REACHED_OBJECTS_H_
#define PLIMSOLL_AGENT_HEAP_REACHED_OBJECTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "agent/core/ports.h"
#include "agent/core/python_layout.h"
#include "agent/heap/address_range.h"
#include "agent/heap/block_sizes.h"
#include "agent/heap/gc_list.h"
#include "agent/heap/object_size.h"
#include "agent/heap/request_size.h"
#include "agent/heap/type_table.h"

namespace plimsoll::heap {

class ReachedVisitor {
 public:
  virtual ~ReachedVisitor() = default;
  // `copy` begins with what stands before the object (`before` bytes of it);
  // `request_bytes` is what the object's memory was asked for.
  virtual void VisitReached(int32_t type, uint64_t address,
                            std::span<const std::byte> copy, size_t before,
                            uint64_t request_bytes) = 0;
};

class ReachedObjects {
 public:
  static constexpr int64_t kMostNodes = 4'000'000;
  static constexpr int64_t kMostItems = 32'000'000;
  static constexpr size_t kMostObjects = 1'000'000;

  // All must outlive this. `sizes` must know all pools already.
  ReachedObjects(const core::MemorySource& memory,
                 const core::PythonProcess& python, const RequestRules& rules,
                 const RangeSet& readable, const BlockSizes& sizes,
                 TypeTable& types, ReachedVisitor& visitor)
      : memory_(memory),
        python_(python),
        rules_(rules),
        readable_(readable),
        sizes_(sizes),
        types_(types),
        object_sizes_(python),
        visitor_(visitor) {}

  void Walk();
  // Every list led back to its head, and no bound was met.
  bool complete() const { return complete_; }

 private:
  void VisitTracked(GcNodeReader& nodes, uint64_t object);
  void VisitItems(uint64_t items, uint64_t count);
  // Asked of every address that a container holds.
  void VisitItem(uint64_t object);
  bool InPool(uint64_t address) const;
  void Count(uint64_t object, bool tracked);

  const core::MemorySource& memory_;
  const core::PythonProcess& python_;
  const RequestRules& rules_;
  const RangeSet& readable_;
  const BlockSizes& sizes_;
  TypeTable& types_;
  const ObjectSizes object_sizes_;
  ReachedVisitor& visitor_;
  absl::flat_hash_set<uint64_t> seen_;
  int64_t items_left_ = kMostItems;
  bool complete_ = true;
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_REACHED_OBJECTS_H_
