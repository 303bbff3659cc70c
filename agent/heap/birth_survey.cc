#include "agent/heap/birth_survey.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/heap/birth_spots.h"
#include "agent/heap/pool_scan.h"
#include "agent/heap/type_table.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr size_t kClasses = kLargestBlockBytes / kSmallestBlockBytes + 1;
constexpr int kMostSteps = 1 << 18;
constexpr int64_t kHeadBytes = 16;  // two words of usedpools a class
constexpr int64_t kAlignment = 16;

// Counts the objects of one type by class and offset, and notes for each class
// a way into its list of pools.
class ObjectTally final : public PoolVisitor, public ChunkVisitor {
 public:
  ObjectTally(uint64_t type, const std::vector<uint32_t>& offsets)
      : type_(type), offsets_(offsets) {}

  void VisitPool(const PoolHeader& header, uint64_t address,
                 std::span<const std::byte> pool, const FreeBlocks& free_blocks,
                 bool torn) override;
  void VisitHeader(const PoolHeader&, uint64_t) override {}
  // Over 512 bytes: not handed out in the order of a pool.
  void VisitChunk(const Chunk&, std::span<const std::byte>) override {}

  const std::map<std::pair<int32_t, uint32_t>, int64_t>& counts() const {
    return counts_;
  }
  // Pools with a free block came by, and this is what follows one of them: one
  // that holds the type where there is one. From 3.12 on interpreters may have
  // lists of their own.
  uint64_t way_in(size_t block_bytes) const {
    const uint64_t way = way_of_type_[block_bytes / kSmallestBlockBytes];
    return way != 0 ? way : way_in_[block_bytes / kSmallestBlockBytes];
  }

 private:
  const uint64_t type_;
  const std::vector<uint32_t>& offsets_;
  std::map<std::pair<int32_t, uint32_t>, int64_t> counts_;
  std::array<uint64_t, kClasses> way_in_{};
  std::array<uint64_t, kClasses> way_of_type_{};
};

void ObjectTally::VisitPool(const PoolHeader& header, uint64_t,
                            std::span<const std::byte> pool,
                            const FreeBlocks& free_blocks, bool torn) {
  const uint32_t size = header.block_bytes;
  bool holds_type = false;
  for (uint32_t i = 0; i < header.carved; ++i) {
    if (free_blocks.Contains(i)) continue;
    const auto block = pool.subspan(kPoolHeaderBytes + i * size, size);
    for (const uint32_t offset : offsets_) {
      if (LoadAt<uint64_t>(block, offset + 8LL).value_or(0) != type_ ||
          !IsLiveRefcount(LoadAt<uint64_t>(block, offset).value_or(0))) {
        continue;
      }
      ++counts_[{static_cast<int32_t>(size), offset}];
      holds_type = true;
      break;
    }
  }
  if (torn || header.live >= header.capacity) return;
  const auto next = Load<uint64_t>(pool.data() + 16);
  way_in_[size / kSmallestBlockBytes] = next;
  if (holds_type) way_of_type_[size / kSmallestBlockBytes] = next;
}

// From one pool of the class along the list to its head.
uint64_t FollowToHead(const core::MemorySource& memory,
                      const core::ObjectLayout& layout, uint64_t from,
                      int32_t block_bytes) {
  for (int i = 0; i < kMostSteps; ++i) {
    const auto pool = ReadLinkedPool(memory, layout, from, block_bytes);
    if (!pool) break;
    from = pool->next;
  }
  return IsListHead(memory, layout, from, block_bytes) ? from : 0;
}

// Heads by class: followed where a pool leads there, else from a neighbour.
void FindHeads(const core::MemorySource& memory,
               const core::ObjectLayout& layout, const ObjectTally& tally,
               core::BirthSurvey& survey) {
  int64_t base = 0;  // of the class of 0 bytes
  for (core::BlockClass& c : survey.classes) {
    const uint64_t way = tally.way_in(static_cast<size_t>(c.block_bytes));
    if (way == 0) continue;
    c.list_head = FollowToHead(memory, layout, way, c.block_bytes);
  }
  for (int32_t size = kAlignment;
       base == 0 && size <= static_cast<int32_t>(kLargestBlockBytes);
       size += kAlignment) {
    const uint64_t way = tally.way_in(static_cast<size_t>(size));
    if (way == 0) continue;
    const uint64_t head = FollowToHead(memory, layout, way, size);
    if (head != 0) {
      base = static_cast<int64_t>(head) - size / kAlignment * kHeadBytes;
    }
  }
  for (core::BlockClass& c : survey.classes) {
    if (c.list_head != 0 || base <= 0 || c.block_bytes % kAlignment != 0) {
      continue;
    }
    const auto head =
        static_cast<uint64_t>(base + c.block_bytes / kAlignment * kHeadBytes);
    if (IsListHead(memory, layout, head, c.block_bytes)) c.list_head = head;
  }
}

}  // namespace

absl::StatusOr<core::BirthSurvey> SurveyBirths(
    const core::MemorySource& memory,
    const std::vector<core::Mapping>& mappings,
    const std::vector<AddressRange>& ranges, const core::PythonProcess& python,
    uint64_t type_address) {
  const core::ObjectLayout& layout = python.objects;
  if (layout.pool_bytes != 4096 && layout.pool_bytes != 16384) {
    return absl::UnimplementedError(
        "the heap layout of this Python is not "
        "known");
  }
  TypeTable types(memory, python, mappings);
  const int32_t index = types.Find(type_address);
  if (index == TypeTable::kNotAType) {
    return absl::UnimplementedError(
        absl::StrCat("no type stands at ", absl::Hex(type_address)));
  }
  ObjectTally tally(type_address, layout.object_offsets);
  const RangeSet extents(PoolRanges(mappings));
  PoolScan scan(memory, layout.pool_bytes, layout.arena_bytes, extents, tally,
                tally);
  for (const AddressRange& range : ranges) {
    scan.ScanRange(range.start, range.end);
  }
  if (scan.totals().scanned_bytes == 0) {
    return absl::NotFoundError(
        absl::StrCat("no memory could be read of pid ", python.pid));
  }
  core::BirthSurvey survey;
  survey.type_address = type_address;
  survey.tp_name = types.type(index).tp_name;
  survey.type_flags = types.type(index).flags;
  for (const auto& [where, objects] : tally.counts()) {
    survey.classes.push_back({where.first, where.second, objects, 0});
  }
  std::sort(survey.classes.begin(), survey.classes.end(),
            [](const core::BlockClass& a, const core::BlockClass& b) {
              return a.objects > b.objects;
            });
  FindHeads(memory, layout, tally, survey);
  return survey;
}

}  // namespace plimsoll::heap
