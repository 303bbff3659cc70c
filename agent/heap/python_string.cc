#include "agent/heap/python_string.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

// PyASCIIObject.state: interned:2, kind:3, compact:1, ascii:1 in 3.7-3.15.
constexpr uint32_t kKindShift = 2;
constexpr uint32_t kKindMask = 7;
constexpr uint32_t kCompact = 1 << 5;
constexpr uint32_t kAscii = 1 << 6;

// Bytes of the sequence that `lead` begins, 0 when it begins none.
size_t SequenceBytes(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | code >> 18));
    out.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

std::optional<std::string> Decode(const std::vector<std::byte>& data,
                                  uint32_t kind, bool ascii) {
  std::string text;
  for (size_t i = 0; i + kind <= data.size() && text.size() < kMaxNameBytes;
       i += kind) {
    uint32_t code = 0;
    std::memcpy(&code, data.data() + i, kind);
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ||
        (ascii && code >= 0x80)) {
      return std::nullopt;
    }
    AppendUtf8(code, text);
  }
  return PrintablePrefix(text);
}

}  // namespace

std::optional<std::string> PrintablePrefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t bytes = SequenceBytes(lead);
    if (bytes == 0 || lead < 0x20 || lead == 0x7f) return std::nullopt;
    if (at + bytes > std::min(text.size(), kMaxNameBytes)) break;
    for (size_t i = 1; i < bytes; ++i) {
      if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) {
        return std::nullopt;
      }
    }
    // U+0080-U+009F are control characters too; U+202A-U+202E and
    // U+2066-U+2069 turn the direction of what is shown after them.
    const auto second =
        bytes > 1 ? static_cast<unsigned char>(text[at + 1]) : 0;
    const auto third = bytes > 2 ? static_cast<unsigned char>(text[at + 2]) : 0;
    if ((lead == 0xc2 && second < 0xa0) ||
        (lead == 0xe2 && second == 0x80 && third >= 0xaa && third <= 0xae) ||
        (lead == 0xe2 && second == 0x81 && third >= 0xa6 && third <= 0xa9)) {
      return std::nullopt;
    }
    at += bytes;
  }
  if (at == 0) return std::nullopt;
  return std::string(text.substr(0, at));
}

std::optional<std::string> ReadName(const core::MemorySource& memory,
                                    uint64_t address) {
  if (!PlausibleAddress(address)) return std::nullopt;
  std::array<std::byte, kMaxNameBytes> buffer;
  // Most names are short: ask for the rest only when they are not.
  size_t have = 0;
  for (const size_t want : {size_t{64}, buffer.size()}) {
    have += memory.Read(address + have,
                        std::span(buffer).subspan(have, want - have));
    const auto* text = reinterpret_cast<const char*>(buffer.data());
    const size_t length = strnlen(text, have);
    if (length < have) return PrintablePrefix({text, length});
    if (have < want) return std::nullopt;  // ends before its NUL
  }
  return PrintablePrefix(
      {reinterpret_cast<const char*>(buffer.data()), buffer.size()});
}

std::optional<std::string> ReadStr(const core::MemorySource& memory,
                                   const core::ObjectLayout& layout,
                                   uint64_t address) {
  std::array<std::byte, 64> header;
  if (!ReadAll(memory, address, header)) return std::nullopt;
  const auto length = LoadAt<uint64_t>(header, layout.unicode_length);
  const auto state = LoadAt<uint32_t>(header, layout.unicode_state);
  if (!length || !state || *length == 0 || !(*state & kCompact)) {
    return std::nullopt;
  }
  const uint32_t kind = *state >> kKindShift & kKindMask;
  if (kind != 1 && kind != 2 && kind != 4) return std::nullopt;
  const bool ascii = *state & kAscii;
  int32_t data_offset = layout.unicode_ascii_data;
  // PyCompactUnicodeObject adds utf8_length and utf8, and wstr_length up to
  // 3.11, whose PyASCIIObject is 48 bytes because of wstr.
  if (!ascii) data_offset += layout.unicode_ascii_data == 48 ? 24 : 16;
  const uint64_t bytes = std::min<uint64_t>(*length, kMaxNameBytes) * kind;
  std::vector<std::byte> data(bytes);
  if (data_offset < 0 ||
      !ReadAll(memory, address + static_cast<uint64_t>(data_offset), data)) {
    return std::nullopt;
  }
  return Decode(data, kind, ascii);
}

}  // namespace plimsoll::heap
