#include "agent/heap/object_size.h"

#include "agent/heap/request_size.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr uint64_t kFlagIntSubclass = uint64_t{1} << 24;
constexpr uint64_t kFlagStrSubclass = uint64_t{1} << 28;
constexpr uint32_t kTextCompact = 1 << 5, kTextAscii = 1 << 6;
constexpr int64_t kVarSize = 16;

}  // namespace

ObjectSize ObjectSizes::Of(const TypeObject& type,
                           std::span<const std::byte> bytes) const {
  const auto basic = static_cast<uint64_t>(type.basicsize);
  if (type.flags & kFlagStrSubclass) return {OfText(type, bytes)};
  if (type.itemsize == 0) return {basic};
  // From 3.11 they have items, but no word that counts them.
  if (type.tp_name == "generator" || type.tp_name == "coroutine" ||
      type.tp_name == "async_generator") {
    return {basic, true};
  }
  const auto size = LoadAt<int64_t>(bytes, kVarSize);
  if (!size) return {};
  uint64_t items = *size < 0 ? 0 - static_cast<uint64_t>(*size)
                             : static_cast<uint64_t>(*size);
  if ((type.flags & kFlagIntSubclass) && minor_ >= 12) {
    items = static_cast<uint64_t>(*size) >> 3;
  }
  if (items > kMostRequestBytes / static_cast<uint64_t>(type.itemsize)) {
    return {};
  }
  return {basic + items * static_cast<uint64_t>(type.itemsize)};
}

uint64_t ObjectSizes::OfText(const TypeObject& type,
                             std::span<const std::byte> bytes) const {
  const auto state = LoadAt<uint32_t>(bytes, layout_.unicode_state);
  const auto length = LoadAt<uint64_t>(bytes, layout_.unicode_length);
  if (!state || !length || *length > kMostRequestBytes) return 0;
  if (!(*state & kTextCompact)) return static_cast<uint64_t>(type.basicsize);
  const uint64_t kind = *state >> 2 & 7;
  if (kind != 1 && kind != 2 && kind != 4) return 0;
  auto head = static_cast<uint64_t>(layout_.unicode_ascii_data);
  if (!(*state & kTextAscii)) head += head == 48 ? 24 : 16;
  return head + (*length + 1) * kind;
}

}  // namespace plimsoll::heap
