#include "agent/heap/type_table.h"

#include <algorithm>
#include <utility>

#include "agent/heap/owned_bytes.h"
#include "agent/heap/python_string.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

// Include/object.h: the same bits in 3.7-3.15.
constexpr uint64_t kFlagHeapType = uint64_t{1} << 9;
constexpr uint64_t kFlagReady = uint64_t{1} << 12;
constexpr uint64_t kFlagTypeSubclass = uint64_t{1} << 31;
constexpr uint64_t kFlagListSubclass = uint64_t{1} << 25;
constexpr uint64_t kFlagBytesSubclass = uint64_t{1} << 27;
constexpr uint64_t kFlagStrSubclass = uint64_t{1} << 28;
constexpr uint64_t kFlagDictSubclass = uint64_t{1} << 29;
constexpr uint64_t kFlagManagedDict = uint64_t{1} << 4;  // from 3.11

// type -> metatype -> ... -> PyType_Type; real chains have one or two steps.
constexpr int kLongestChain = 4;
constexpr int64_t kSmallestObject = 16;  // refcnt and type
constexpr int64_t kLargestBasicSize = 1 << 20;
constexpr int64_t kLargestItemSize = 1 << 16;
// A class' bases are followed up to the builtin it is laid out as.
constexpr int kMostBases = 16;
// Up to tp_base (before tp_dict, +264) in every version.
constexpr size_t kTypeHeadBytes = 264;

// Builtins that tp_flags has no bit for. A class statement's tp_name has no
// dot, so a class of the same name is none of these.
uint8_t OwnsByName(std::string_view name, uint64_t flags) {
  if (!(flags & kFlagHeapType)) {
    if (name == "set" || name == "frozenset") return kOwnsTable;
    if (name == "bytearray") return kOwnsBuffer;
  }
  if (name == "collections.deque") return kOwnsBlocks;
  if (name == "array.array") return kOwnsArray;
  return 0;
}

}  // namespace

TypeTable::TypeTable(const core::MemorySource& memory,
                     const core::PythonProcess& python,
                     const std::vector<core::Mapping>& mappings)
    : memory_(memory),
      layout_(python.objects),
      type_type_address_(python.type_type_address),
      minor_(python.build.version.minor) {
  for (const core::Mapping& m : mappings) {
    if (!m.readable || !m.writable || m.end <= m.start) continue;
    if (!writable_.empty() && writable_.back().end == m.start) {
      writable_.back().end = m.end;
    } else {
      writable_.push_back({m.start, m.end});
    }
  }
  std::sort(writable_.begin(), writable_.end(),
            [](const Range& a, const Range& b) { return a.start < b.start; });
  for (const Range& range : writable_) {
    if (type_type_address_ >= range.start && type_type_address_ < range.end) {
      static_ = range;
    }
  }
}

bool TypeTable::IsWritableMemory(uint64_t address) const {
  auto after = std::upper_bound(
      writable_.begin(), writable_.end(), address,
      [](uint64_t at, const Range& range) { return at < range.start; });
  return after != writable_.begin() && address < (after - 1)->end;
}

int32_t TypeTable::Decide(uint64_t address, int depth) {
  if (address % 8 != 0 || !IsWritableMemory(address)) return kNotAType;
  if (const auto it = known_.find(address); it != known_.end()) {
    return it->second;
  }
  if (refused_.contains(address)) return kNotAType;
  if (types_.size() >= kMostTypes || reads_ >= kMostReads) return kNotAType;
  const int32_t index = Inspect(address, depth);
  if (index != kNotAType) {
    known_[address] = index;
    marks_[Mark(address) / 64] |= uint64_t{1} << (Mark(address) % 64);
  } else {
    // Forgetting costs a second look, never a wrong answer.
    if (refused_.size() >= kMostRefusals) refused_.clear();
    refused_[address] = kNotAType;
  }
  return index;
}

int32_t TypeTable::Inspect(uint64_t address, int depth) {
  ++reads_;
  std::array<std::byte, kTypeHeadBytes> head;
  if (!ReadAll(memory_, address, head)) return kNotAType;
  const auto refcount = Load<uint64_t>(head.data());
  const auto meta = Load<uint64_t>(head.data() + 8);
  const auto flags = LoadAt<uint64_t>(head, layout_.tp_flags);
  const auto name_address = LoadAt<uint64_t>(head, layout_.tp_name);
  const auto basicsize = LoadAt<int64_t>(head, layout_.tp_basicsize);
  const auto itemsize = LoadAt<int64_t>(head, layout_.tp_itemsize);
  if (!flags || !name_address || !basicsize || !itemsize) return kNotAType;
  if (!IsLiveRefcount(refcount) || !(*flags & kFlagReady) ||
      *basicsize < kSmallestObject || *basicsize > kLargestBasicSize ||
      *itemsize < 0 || *itemsize > kLargestItemSize) {
    return kNotAType;
  }
  // Only PyType_Type is its own type.
  if (address == type_type_address_ ? meta != address : meta == address) {
    return kNotAType;
  }
  if (address != type_type_address_ && meta != type_type_address_) {
    if (depth >= kLongestChain) return kNotAType;
    const int32_t index = Decide(meta, depth + 1);
    if (index == kNotAType || !(types_[index].flags & kFlagTypeSubclass)) {
      return kNotAType;
    }
  }
  auto name = ReadName(memory_, *name_address);
  if (!name) return kNotAType;
  TypeObject type{.address = address,
                  .flags = *flags,
                  .tp_name = *std::move(name),
                  .basicsize = *basicsize,
                  .itemsize = *itemsize};
  const auto base = LoadAt<uint64_t>(head, layout_.tp_dict - 8);
  type.owns = OwnsOf(type, base.value_or(0));
  types_.push_back(std::move(type));
  owns_.push_back(types_.back().owns);
  const auto index = static_cast<int32_t>(types_.size() - 1);
  if ((*flags & kFlagBytesSubclass) && !(*flags & kFlagHeapType) &&
      types_.back().tp_name == "bytes") {
    bytes_type_ = index;
  }
  return index;
}

bool TypeTable::IsObjectOf(uint64_t address, uint64_t type) {
  if (reads_ >= kMostReads) return false;
  ++reads_;
  return ReadValue<uint64_t>(memory_, address + 8) == type;
}

uint8_t TypeTable::OwnsOf(const TypeObject& type, uint64_t base) {
  uint8_t owns = 0;
  if (type.flags & kFlagListSubclass) owns = kOwnsItems;
  if (type.flags & kFlagDictSubclass) owns = kOwnsKeys;
  if (type.flags & kFlagStrSubclass) owns = kOwnsText;
  if (owns == 0) owns = OwnsByName(type.tp_name, type.flags);
  for (int i = 0; i < kMostBases && owns == 0 && base != 0; ++i) {
    if (base % 8 != 0 || !IsWritableMemory(base)) break;
    ++reads_;
    std::array<std::byte, kTypeHeadBytes> head;
    if (!ReadAll(memory_, base, head)) break;
    const auto name = LoadAt<uint64_t>(head, layout_.tp_name);
    const auto flags = LoadAt<uint64_t>(head, layout_.tp_flags);
    const auto next = LoadAt<uint64_t>(head, layout_.tp_dict - 8);
    if (!name || !flags || !next) break;
    if (const auto text = ReadName(memory_, *name)) {
      owns = OwnsByName(*text, *flags);
    }
    base = *next;
  }
  if ((minor_ == 11 || minor_ == 12) && (type.flags & kFlagManagedDict)) {
    owns |= kOwnsValues;
  }
  return owns;
}

}  // namespace plimsoll::heap
