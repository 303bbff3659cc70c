#include "agent/heap/reached_objects.h"

#include <algorithm>
#include <array>
#include <optional>

#include "agent/heap/dict_entries.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

// Include/object.h
constexpr uint64_t kFlagListSubclass = uint64_t{1} << 25;
constexpr uint64_t kFlagTupleSubclass = uint64_t{1} << 26;
constexpr uint64_t kFlagDictSubclass = uint64_t{1} << 29;
constexpr uint64_t kFlagGc = uint64_t{1} << 14;

constexpr int kGenerations = 3;
constexpr uint64_t kObType = 8, kVarSize = 16, kListItems = 24;
constexpr int64_t kLeastTuple = 24;
// What is read of an object, and of what stands before it.
constexpr size_t kHeadBytes = 32;
constexpr size_t kGcHeadStep = 16;
constexpr size_t kCopyBytes = 160;
constexpr size_t kMostEntries = 1 << 22;
constexpr size_t kItemsAtOnce = 4096;

}  // namespace

void ReachedObjects::Walk() {
  const core::GcLayout& gc = python_.gc;
  if (gc.state_address == 0 || gc.generations < 0 ||
      gc.generation_stride <= 0) {
    complete_ = false;
    return;
  }
  std::vector<uint64_t> heads;
  for (int32_t i = 0; i < kGenerations; ++i) {
    heads.push_back(
        gc.state_address +
        static_cast<uint64_t>(gc.generations + i * gc.generation_stride));
  }
  if (gc.permanent_generation >= 0) {
    heads.push_back(gc.state_address +
                    static_cast<uint64_t>(gc.permanent_generation));
  }
  GcNodeReader nodes(memory_);
  int64_t nodes_left = kMostNodes;
  for (const uint64_t head : heads) {
    const bool back =
        ForEachGcNode(nodes, head, nodes_left, [&](uint64_t node) {
          --nodes_left;
          VisitTracked(nodes, node + python_.objects.gc_head_bytes);
        });
    complete_ = complete_ && back;
  }
}

bool ReachedObjects::InPool(uint64_t address) const {
  const uint32_t block = sizes_.At(address);
  return block != BlockSizes::kUnknown && block != BlockSizes::kNoPool;
}

void ReachedObjects::VisitTracked(GcNodeReader& nodes, uint64_t object) {
  const auto type = nodes.Word(object + kObType);
  if (!type || *type % 8 != 0 || !PlausibleAddress(*type)) return;
  const int32_t index = types_.Find(*type);
  if (index == TypeTable::kNotAType) return;
  if (!InPool(object)) Count(object, true);
  const uint64_t flags = types_.type(index).flags;
  if (flags & kFlagListSubclass) {
    VisitItems(nodes.Word(object + kListItems).value_or(0),
               nodes.Word(object + kVarSize).value_or(0));
  } else if (flags & kFlagTupleSubclass) {
    // The items stand behind the fixed part, of subclasses too.
    const int64_t basic = types_.type(index).basicsize;
    if (basic < kLeastTuple) return;
    VisitItems(object + static_cast<uint64_t>(basic),
               nodes.Word(object + kVarSize).value_or(0));
  } else if (flags & kFlagDictSubclass) {
    const auto most = static_cast<size_t>(
        std::min<int64_t>(items_left_, int64_t{kMostEntries}));
    for (const DictEntry& entry :
         ReadDictEntries(memory_, python_.objects, object, most)) {
      VisitItem(entry.key);
      VisitItem(entry.value);
    }
  }
}

void ReachedObjects::VisitItems(uint64_t items, uint64_t count) {
  if (!PlausibleAddress(items) || count > static_cast<uint64_t>(kMostItems)) {
    return;
  }
  std::array<uint64_t, kItemsAtOnce> words;
  while (count > 0) {
    const auto some = std::min<uint64_t>(count, kItemsAtOnce);
    const auto bytes = std::as_writable_bytes(std::span(words).first(some));
    // A short read gives the items that were there.
    const size_t read = memory_.Read(items, bytes) / sizeof(uint64_t);
    for (size_t i = 0; i < std::min<size_t>(read, some); ++i) {
      VisitItem(words[i]);
    }
    if (read < some) return;
    items += some * sizeof(uint64_t);
    count -= some;
  }
}

void ReachedObjects::VisitItem(uint64_t object) {
  if (items_left_ <= 0) {
    complete_ = false;
    return;
  }
  --items_left_;
  if (object % 8 != 0 || InPool(object) || !readable_.Contains(object)) return;
  Count(object, false);
}

// `tracked`: it stands in a list of the collector. Other objects whose type has
// a GC head have it all the same.
void ReachedObjects::Count(uint64_t object, bool tracked) {
  if (seen_.size() >= kMostObjects) {
    complete_ = false;
    return;
  }
  if (!readable_.Contains(object) || !seen_.insert(object).second) return;
  std::array<std::byte, kCopyBytes> copy;
  // The first object of a mapping has less before it.
  size_t before = kHeadBytes, read = 0;
  for (;; before -= kGcHeadStep) {
    const uint64_t start = object - before;
    read = PlausibleAddress(start)
               ? std::min(memory_.Read(start, copy), copy.size())
               : 0;
    if (read >= before + kHeadBytes || before == 0) break;
  }
  if (read < before + kHeadBytes) return;
  const auto bytes = std::span<const std::byte>(copy).first(read);
  const auto refcount = Load<uint64_t>(&copy[before]);
  const auto type = Load<uint64_t>(&copy[before + kObType]);
  if (!IsLiveRefcount(refcount) || type % 8 != 0 || !PlausibleAddress(type)) {
    return;
  }
  const int32_t index = types_.Find(type);
  if (index == TypeTable::kNotAType) return;
  const bool has_head = tracked || (types_.type(index).flags & kFlagGc) != 0;
  const ObjectSize size =
      object_sizes_.Of(types_.type(index), bytes.subspan(before));
  if (size.bytes == 0) return;
  const uint64_t request = size.bytes +
                           (has_head ? python_.objects.gc_head_bytes : 0) +
                           rules_.large_extra;
  // What is small would be in a pool: a static object, or none. The frame of a
  // generator is not in its own size.
  if (rules_.pools && request <= rules_.largest_small && !size.at_least) return;
  visitor_.VisitReached(index, object, bytes, before, request);
}

}  // namespace plimsoll::heap
