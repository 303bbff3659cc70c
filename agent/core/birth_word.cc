#include "agent/core/birth_word.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::core {
namespace {

constexpr uint64_t kHeapType = uint64_t{1} << 9;  // Include/object.h
constexpr uint32_t kTypeInObject = 8;
constexpr uint32_t kWordBytes = 8;

constexpr uint32_t kPoolAlignment = 16;  // 8 in 3.7.0 to 3.7.3, which is safe

constexpr int kLatestMinor = 15;

constexpr uint32_t kNoWord = 0;

// Objects whose free list keeps their type, the first field that a birth
// writes instead, by its offset in the object, and the versions of this.
struct PayloadWord {
  std::string_view type;
  uint32_t offset;
  int from_minor = 7;
  int to_minor = kLatestMinor;
};
constexpr std::array<PayloadWord, 19> kPayloadWords = {{
    {"float", 16},                       // ob_fval
    {"tuple", 24, 7, 13},                // ob_item[0]
    {"tuple", 32, 14},                   // the same, behind ob_hash
    {"list", 24},                        // ob_item
    {"dict", 32},                        // ma_keys
    {"method", 16},                      // im_func
    {"slice", 16},                       // start
    {"builtin_function_or_method", 16},  // m_ml
    {"int", 16, 14},                     // lv_tag
    {"complex", 16, 14},                 // cval.real
    {"frame", kNoWord, 7, 10},
    {"Context", kNoWord},
    {"_contextvars.Context", kNoWord},
    {"async_generator", kNoWord},
    {"async_generator_asend", kNoWord},
    {"range", kNoWord, 14},
    {"range_iterator", kNoWord, 14},
    {"list_iterator", kNoWord, 14},
    {"tuple_iterator", kNoWord, 14},
}};

// Whether all that has the size class of a block has an item behind the first,
// and not only what fills it.
bool HasTwoItems(const BlockClass& blocks, uint32_t first_item) {
  return blocks.block_bytes >= 0 &&
         static_cast<uint32_t>(blocks.block_bytes) >=
             first_item + kWordBytes + kPoolAlignment;
}

}  // namespace

absl::StatusOr<BirthWord> FindBirthWord(const BirthSurvey& survey,
                                        const BlockClass& blocks,
                                        const PythonProcess& python) {
  const PythonVersion& version = python.build.version;
  if (python.build.free_threaded) {
    return absl::UnimplementedError(
        "a free-threaded build keeps its objects outside of pymalloc");
  }
  if (version.major != 3 || version.minor < 7 || version.minor > kLatestMinor) {
    return absl::UnimplementedError(
        absl::StrCat("which word a birth writes is not known for Python ",
                     version.major, ".", version.minor));
  }
  BirthWord word;
  word.type = blocks.object_offset + kTypeInObject;
  word.watched = word.type;
  // A subclass of a builtin is made by PyType_GenericAlloc, without free list.
  if (!(survey.type_flags & kHeapType)) {
    for (const PayloadWord& payload : kPayloadWords) {
      if (payload.type != survey.tp_name ||
          version.minor < payload.from_minor ||
          version.minor > payload.to_minor) {
        continue;
      }
      if (payload.offset == kNoWord) {
        return absl::UnimplementedError(absl::StrCat(
            "a free list hands on objects of type ", survey.tp_name,
            ", and which of their words each birth writes is not known"));
      }
      word.watched = blocks.object_offset + payload.offset;
      // The link of a tuple's free list is in its first item.
      if (payload.type == "tuple" && HasTwoItems(blocks, word.watched)) {
        word.watched += kWordBytes;
      }
      if (blocks.object_offset >= 16 && version.minor >= 8) {
        word.gc_next = static_cast<int32_t>(blocks.object_offset) - 16;
      }
    }
  }
  if (blocks.block_bytes < 0 ||
      word.watched + kWordBytes > static_cast<uint32_t>(blocks.block_bytes) ||
      word.watched % kWordBytes != 0) {
    return absl::UnimplementedError(
        absl::StrCat("a block of ", blocks.block_bytes,
                     " bytes has no word that each birth writes"));
  }
  return word;
}

BirthSurvey SurveyOfGrowth(const BirthSurvey& earlier, BirthSurvey later) {
  std::vector<BlockClass> grown;
  for (const BlockClass& now : later.classes) {
    int64_t before = 0;
    for (const BlockClass& then : earlier.classes) {
      if (SameClass(then, now)) before = then.objects;
    }
    if (now.objects <= before) continue;
    grown.push_back(now);
    grown.back().objects -= before;
  }
  if (grown.empty()) return later;
  // Of chunks, whose sizes differ by much, by bytes.
  const auto weight = [](const BlockClass& c) {
    return c.objects * (c.most_bytes != 0 ? c.step_bytes : 1);
  };
  std::sort(grown.begin(), grown.end(),
            [&weight](const BlockClass& a, const BlockClass& b) {
              return weight(a) > weight(b);
            });
  later.classes = std::move(grown);
  return later;
}

}  // namespace plimsoll::core
