// UTF-8 of foreign origin: protobuf's `string` refuses a message for one bad
// byte. Nobody owns anything; any thread; no errors. The table of well-formed
// sequences is Unicode 15, 3.9, table 3-7 (no surrogates, no long forms).
#ifndef PLIMSOLL_BASE_UTF8_H_
#define PLIMSOLL_BASE_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace plimsoll {

// Bytes of the well-formed sequence at the front of `text`; 0 if there is none.
inline size_t Utf8SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (text.empty()) return 0;
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first < 0xC2   ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF5 ? 4
                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  const uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

// Puts '?' in the place of each byte that is in no well-formed sequence, so
// that lengths stay. True when there was one.
inline bool CleanUtf8(char* text, size_t size) {
  bool changed = false;
  for (size_t at = 0; at < size;) {
    const size_t length = Utf8SequenceLength({text + at, size - at});
    if (length == 0) {
      text[at] = '?';
      changed = true;
    }
    at += length == 0 ? 1 : length;
  }
  return changed;
}

}  // namespace plimsoll

#endif  // PLIMSOLL_BASE_UTF8_H_
