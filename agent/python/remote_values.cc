#include "agent/python/remote_values.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace plimsoll::python {
namespace {

constexpr uint32_t kBadCharacter = '?';

// Not fit for a terminal or a log line.
bool IsUnsafe(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000) ||
         (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xfeff || c > 0x10ffff;
}

// Appends one character; false when the cap is reached.
bool AppendUtf8(uint32_t c, std::string& out) {
  if (IsUnsafe(c)) c = kBadCharacter;
  if (out.size() + 4 > kMaxStringBytes) return false;
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (c >> 6)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | (c >> 12)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | (c >> 18)));
    out.push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  }
  return true;
}

// Decodes one character at the front of `text`; moves past it.
uint32_t TakeCharacter(std::string_view& text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  const size_t length = lead < 0x80             ? 1
                        : (lead & 0xe0) == 0xc0 ? 2
                        : (lead & 0xf0) == 0xe0 ? 3
                        : (lead & 0xf8) == 0xf0 ? 4
                                                : 0;
  if (length == 0 || length > text.size()) {
    text.remove_prefix(1);
    return kBadCharacter;
  }
  uint32_t c = length == 1 ? lead : lead & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) {
      text.remove_prefix(1);
      return kBadCharacter;
    }
    c = (c << 6) | (at(i) & 0x3f);
  }
  text.remove_prefix(length);
  static constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800,
                                                     0x10000};
  return c < kLeast[length] ? kBadCharacter : c;  // overlong
}

// PyASCIIObject.state: interned takes 2 bits (16 from 3.13's free-threaded
// build on, which we refuse), then kind 3, compact 1, ascii 1.
struct UnicodeState {
  uint32_t kind;
  bool compact;
  bool ascii;
};

UnicodeState DecodeState(uint32_t state) {
  return {.kind = (state >> 2) & 7,
          .compact = ((state >> 5) & 1) != 0,
          .ascii = ((state >> 6) & 1) != 0};
}

}  // namespace

std::string CleanUtf8(std::string_view text) {
  std::string out;
  out.reserve(std::min(text.size(), kMaxStringBytes));
  while (!text.empty()) {
    if (!AppendUtf8(TakeCharacter(text), out)) break;
  }
  return out;
}

std::optional<std::string> ReadCString(const core::MemorySource& memory,
                                       uint64_t address) {
  if (address < 4096 || address > uint64_t{1} << 57) return std::nullopt;
  std::array<char, kMaxStringBytes> buffer;
  // A string may end just before an unreadable page: a short read is fine.
  const size_t n =
      memory.Read(address, std::as_writable_bytes(std::span(buffer)));
  const std::string_view text(buffer.data(), std::min(n, buffer.size()));
  const size_t end = text.find('\0');
  if (end == std::string_view::npos && n < buffer.size()) return std::nullopt;
  return CleanUtf8(text.substr(0, end));
}

std::optional<std::string> ReadStr(const core::MemorySource& memory,
                                   const core::ObjectLayout& layout,
                                   uint64_t address) {
  const auto length = ReadWord(memory, address + layout.unicode_length);
  const auto raw_state =
      ReadValue<uint32_t>(memory, address + layout.unicode_state);
  if (!length || !raw_state || *length > uint64_t{1} << 32) {
    return std::nullopt;
  }
  const UnicodeState state = DecodeState(*raw_state);
  if (!state.compact ||
      (state.kind != 1 && state.kind != 2 && state.kind != 4) ||
      (state.ascii && state.kind != 1)) {
    return std::nullopt;
  }
  // PyCompactUnicodeObject adds utf8_length, utf8 and, up to 3.11,
  // wstr_length: 24 bytes; without it 16.
  const bool has_wstr = layout.unicode_ascii_data == 48;
  const uint64_t data = address + layout.unicode_ascii_data +
                        (state.ascii ? 0
                         : has_wstr  ? 24
                                     : 16);
  const size_t characters = std::min<uint64_t>(*length, kMaxStringBytes);
  std::vector<std::byte> bytes(characters * state.kind);
  if (!bytes.empty() && !ReadExactly(memory, data, bytes)) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < characters; ++i) {
    uint32_t c = 0;
    std::memcpy(&c, bytes.data() + i * state.kind, state.kind);
    if (!AppendUtf8(c, out)) break;
  }
  return out;
}

std::optional<std::string> ReadBytesObject(const core::MemorySource& memory,
                                           uint64_t address, size_t max_bytes) {
  constexpr uint64_t kObSize = 16;
  constexpr uint64_t kObSval = 32;
  const auto size = ReadWord(memory, address + kObSize);
  if (!size || *size > max_bytes) return std::nullopt;
  std::string out(*size, '\0');
  if (!out.empty() && !ReadExactly(memory, address + kObSval,
                                   std::as_writable_bytes(std::span(out)))) {
    return std::nullopt;
  }
  return out;
}

}  // namespace plimsoll::python
