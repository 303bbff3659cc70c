#include "agent/core/birth_word.h"

#include <array>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::core {
namespace {

constexpr uint64_t kHeapType = uint64_t{1} << 9;  // Include/object.h
constexpr uint32_t kTypeInObject = 8;
constexpr uint32_t kWordBytes = 8;

// Objects whose free list keeps their type; offsets in the object.
struct PayloadWord {
  std::string_view type;
  uint32_t offset;
};
constexpr std::array<PayloadWord, 4> kPayloadWords = {{
    {"float", 16},  // ob_fval
    {"tuple", 24},  // ob_item[0]
    {"list", 24},   // ob_item
    {"dict", 32},   // ma_keys
}};

}  // namespace

absl::StatusOr<BirthWord> FindBirthWord(const BirthSurvey& survey,
                                        const BlockClass& blocks,
                                        const PythonProcess& python) {
  const PythonVersion& version = python.build.version;
  if (python.build.free_threaded) {
    return absl::UnimplementedError(
        "a free-threaded build keeps its objects outside of pymalloc");
  }
  if (version.major != 3 || version.minor < 7 || version.minor > 13) {
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
      if (payload.type != survey.tp_name) continue;
      word.watched = blocks.object_offset + payload.offset;
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

}  // namespace plimsoll::core
