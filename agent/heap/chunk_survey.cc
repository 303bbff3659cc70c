#include "agent/heap/chunk_survey.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/heap/chunk_walk.h"
#include "agent/heap/malloc_arena.h"
#include "agent/heap/type_table.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr size_t kMostCaches = 4096;
constexpr size_t kMostSizes = 4096;
constexpr uint64_t kMostClassBytes = 1 << 30;

using SizeRange = std::pair<int32_t, int32_t>;

SizeRange RangeOf(uint64_t bytes) {
  if (bytes <= kLargestCachedChunk) {
    return {static_cast<int32_t>(bytes), static_cast<int32_t>(bytes)};
  }
  const uint64_t floor = std::bit_floor(bytes);
  return {static_cast<int32_t>(std::max(floor, kLargestCachedChunk + 16)),
          static_cast<int32_t>(2 * floor - 16)};
}

class ChunkTally final : public ChunkVisitor {
 public:
  ChunkTally(uint64_t type, const std::vector<uint32_t>& offsets)
      : type_(type), offsets_(offsets) {}

  void VisitChunk(const Chunk& chunk,
                  std::span<const std::byte> payload) override {
    if (!chunk.in_use || chunk.bytes >= kMostClassBytes) return;
    if (chunk.bytes == kCacheChunkBytes && may_be_caches_.size() < kMostCaches)
      may_be_caches_.push_back(chunk.address + kChunkHeadBytes);
    if (type_ == 0) return Count(chunk, 0);
    for (const uint32_t offset : offsets_) {
      if (LoadAt<uint64_t>(payload, offset + 8LL).value_or(0) != type_ ||
          !IsLiveRefcount(LoadAt<uint64_t>(payload, offset).value_or(0))) {
        continue;
      }
      return Count(chunk, offset);
    }
  }

  struct Sizes {
    int64_t chunks = 0;
    std::map<int32_t, int64_t> by_bytes;  // of the first kMostSizes that came
  };
  const std::map<std::pair<SizeRange, uint32_t>, Sizes>& counts() const {
    return counts_;
  }
  const std::vector<uint64_t>& may_be_caches() const { return may_be_caches_; }

 private:
  void Count(const Chunk& chunk, uint32_t offset) {
    Sizes& sizes = counts_[{RangeOf(chunk.bytes), offset}];
    ++sizes.chunks;
    const auto bytes = static_cast<int32_t>(chunk.bytes);
    const auto found = sizes.by_bytes.find(bytes);
    if (found != sizes.by_bytes.end()) {
      ++found->second;
    } else if (sizes.by_bytes.size() < kMostSizes) {
      sizes.by_bytes.emplace(bytes, 1);
    }
  }

  const uint64_t type_;
  const std::vector<uint32_t>& offsets_;
  std::map<std::pair<SizeRange, uint32_t>, Sizes> counts_;
  std::vector<uint64_t> may_be_caches_;
};

}  // namespace

absl::StatusOr<core::BirthSurvey> SurveyChunks(
    const core::MemorySource& memory,
    const std::vector<core::Mapping>& mappings,
    const std::vector<AddressRange>& ranges, const core::PythonProcess& python,
    uint64_t type_address) {
  using Kind = core::ChunkSource::Kind;
  core::BirthSurvey survey;
  if (type_address != 0) {
    TypeTable types(memory, python, mappings);
    const int32_t index = types.Find(type_address);
    if (index == TypeTable::kNotAType) {
      return absl::UnimplementedError(
          absl::StrCat("no type stands at ", absl::Hex(type_address)));
    }
    survey.type_address = type_address;
    survey.tp_name = types.type(index).tp_name;
    survey.type_flags = types.type(index).flags;
  }
  for (const uint64_t arena : FindArenas(memory, mappings)) {
    survey.sources.push_back({Kind::kTop, arena});
    survey.sources.push_back({Kind::kBins, arena});
  }
  if (survey.sources.empty()) {
    return absl::UnimplementedError(
        "the lists of its malloc are not known: it is not glibc's, or one "
        "before 2.27, or was not used yet");
  }
  const RangeSet readable(ranges);
  ChunkTally tally(type_address, python.objects.object_offsets);
  ChunkWalk walk(memory, readable, tally);
  for (const auto& heap : MallocHeaps(memory, mappings, readable)) {
    walk.Walk(heap);
  }
  if (walk.chunks() == 0) {
    return absl::UnimplementedError("no chunks of glibc's malloc were found");
  }
  for (const uint64_t cache : tally.may_be_caches()) {
    if (ReadThreadCache(memory, cache)) {
      survey.sources.push_back({Kind::kCache, cache});
    }
  }
  for (const auto& [where, sizes] : tally.counts()) {
    const auto& [range, offset] = where;
    const auto usual = std::max_element(
        sizes.by_bytes.begin(), sizes.by_bytes.end(),
        [](const auto& a, const auto& b) { return a.second < b.second; });
    survey.classes.push_back({.block_bytes = range.first,
                              .object_offset = offset,
                              .objects = sizes.chunks,
                              .most_bytes = range.second,
                              .step_bytes = usual->first});
  }
  std::sort(survey.classes.begin(), survey.classes.end(),
            [](const core::BlockClass& a, const core::BlockClass& b) {
              return a.objects > b.objects;
            });
  return survey;
}

}  // namespace plimsoll::heap
