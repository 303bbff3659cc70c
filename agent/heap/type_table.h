// TypeTable tells which addresses of a target are type objects, and remembers
// the answer. It decides millions of times per census, so most questions are
// answered from a small direct-mapped cache.
//
// A type is believed when all of this holds (struct _typeobject, Include/
// cpython/object.h): it lies in writable memory of the target, its reference
// count is sane, its own type is PyType_Type or another believed type whose
// instances are types (Py_TPFLAGS_TYPE_SUBCLASS), it is ready
// (Py_TPFLAGS_READY), its sizes are sane and its tp_name is printable text.
//
// Bounded: at most kMostTypes types, kMostRefusals remembered refusals and
// kMostReads looks at the target; past these an address is not a type.
//
// One owner, one thread; lives for one census, as types come and go.
#ifndef PLIMSOLL_AGENT_HEAP_TYPE_TABLE_H_
#define PLIMSOLL_AGENT_HEAP_TYPE_TABLE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/core/ports.h"

namespace plimsoll::heap {

// Zero: freed, or on a free list of its type. The immortal counts of 3.12+ are
// below 2^32; a word that holds a user-space address of the mmap area is not
// below 2^40. From 3.14 the upper 16 bits are flags, of which there are few.
inline bool IsLiveRefcount(uint64_t word) {
  constexpr uint64_t kMostFlags = 0xff;
  const uint64_t count = word & ((uint64_t{1} << 48) - 1);
  return word >> 48 <= kMostFlags && count - 1 < (uint64_t{1} << 40) - 1;
}

struct TypeObject {
  uint64_t address = 0;
  uint64_t flags = 0;
  std::string tp_name;
  int64_t basicsize = 0;
  int64_t itemsize = 0;
  uint8_t owns = 0;  // bits of Owns (owned_bytes.h)
};

class TypeTable {
 public:
  static constexpr int32_t kNotAType = -1;
  static constexpr size_t kMostTypes = 1 << 16;
  static constexpr size_t kMostRefusals = 1 << 17;
  static constexpr uint64_t kMostReads = 1 << 20;

  // `mappings` are all of the target's, by address.
  TypeTable(const core::MemorySource& memory, const core::PythonProcess& python,
            const std::vector<core::Mapping>& mappings);

  // Index of the type at `address`, kNotAType when there is none.
  int32_t Find(uint64_t address) {
    Slot& slot = cache_[(address >> 4) % cache_.size()];
    if (slot.address != address) slot = {address, Decide(address, 0)};
    return slot.index;
  }

  // Whether the type at `address` has been met already; looks at no memory.
  bool IsKnown(uint64_t address) const {
    return (marks_[Mark(address) / 64] >> (Mark(address) % 64) & 1) &&
           known_.contains(address);
  }

  // Whether a type of the interpreter itself, met already or not, is there.
  bool IsStatic(uint64_t address) {
    return address >= static_.start && address < static_.end &&
           Find(address) != kNotAType;
  }

  // Whether what is at `address` says that it is of that type.
  bool IsObjectOf(uint64_t address, uint64_t type);

  // What its instances own outside their block: bits of Owns.
  uint8_t owns(int32_t index) const { return owns_[index]; }
  // Indices are dense: 0 <= index < size().
  const TypeObject& type(int32_t index) const { return types_[index]; }
  size_t size() const { return types_.size(); }
  // Of PyBytes_Type; kNotAType until an object of it is met.
  int32_t bytes_type() const { return bytes_type_; }

 private:
  struct Slot {
    uint64_t address = 0;
    int32_t index = kNotAType;
  };
  // A bit for each known type, which few other addresses have.
  static constexpr size_t kMarks = 1 << 16;
  static size_t Mark(uint64_t address) { return (address >> 4) % kMarks; }
  struct Range {
    uint64_t start = 0;
    uint64_t end = 0;
  };

  int32_t Decide(uint64_t address, int depth);
  int32_t Inspect(uint64_t address, int depth);
  uint8_t OwnsOf(const TypeObject& type, uint64_t base);
  bool IsWritableMemory(uint64_t address) const;

  const core::MemorySource& memory_;
  const core::ObjectLayout& layout_;
  const uint64_t type_type_address_;
  const int minor_;
  std::vector<Range> writable_;  // by address, disjoint
  Range static_;                 // that of them that PyType_Type is in
  std::vector<TypeObject> types_;
  std::vector<uint8_t> owns_;  // of types_, close together
  absl::flat_hash_map<uint64_t, int32_t> known_;
  std::array<uint64_t, kMarks / 64> marks_{};
  absl::flat_hash_map<uint64_t, int32_t> refused_;
  int32_t bytes_type_ = kNotAType;
  uint64_t reads_ = 0;
  std::array<Slot, 4096> cache_{};
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_TYPE_TABLE_H_
