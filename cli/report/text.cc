#include "cli/report/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace plimsoll::cli {
namespace {

std::string Printf(const char* format, double value, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, format, value, unit);
  return text;
}

// One character of UTF-8 at the front: its code point and length in bytes.
// Length 1 and code point -1 when the bytes are not valid UTF-8.
struct Character {
  int32_t code_point = -1;
  size_t length = 1;
};

Character FirstCharacter(std::string_view text) {
  const auto byte = [&text](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xf0 && first < 0xf5   ? 4
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xc2 && first < 0xe0 ? 2
                                                        : 0;
  if (length == 0 || text.size() < length) return {};
  int32_t code_point = first & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code_point = (code_point << 6) | (byte(i) & 0x3f);
  }
  constexpr std::array<int32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (code_point < kSmallest[length] || code_point > 0x10ffff || surrogate) {
    return {};
  }
  return {code_point, length};
}

struct Range {
  int32_t first, last;
};
constexpr std::array<Range, 12> kZeroWidth = {{{0x0300, 0x036f},
                                               {0x0483, 0x0489},
                                               {0x0591, 0x05bd},
                                               {0x0610, 0x061a},
                                               {0x064b, 0x065f},
                                               {0x0e34, 0x0e3a},
                                               {0x1ab0, 0x1aff},
                                               {0x1dc0, 0x1dff},
                                               {0x200b, 0x200f},
                                               {0x20d0, 0x20ff},
                                               {0xfe00, 0xfe0f},
                                               {0xfe20, 0xfe2f}}};
constexpr std::array<Range, 10> kDoubleWidth = {{{0x1100, 0x115f},
                                                 {0x2e80, 0x303e},
                                                 {0x3041, 0x33ff},
                                                 {0x3400, 0x4dbf},
                                                 {0x4e00, 0xa4cf},
                                                 {0xac00, 0xd7a3},
                                                 {0xf900, 0xfaff},
                                                 {0xfe30, 0xfe6f},
                                                 {0xff00, 0xff60},
                                                 {0x1f300, 0x1faff}}};
constexpr Range kSupplementaryIdeographs = {0x20000, 0x3fffd};

bool In(int32_t code_point, const Range& range) {
  return code_point >= range.first && code_point <= range.last;
}

int WidthOf(int32_t code_point) {
  const auto matches = [code_point](const Range& r) {
    return In(code_point, r);
  };
  if (std::any_of(kZeroWidth.begin(), kZeroWidth.end(), matches)) return 0;
  if (In(code_point, kSupplementaryIdeographs) ||
      std::any_of(kDoubleWidth.begin(), kDoubleWidth.end(), matches)) {
    return 2;
  }
  return 1;
}

// C0, DEL, C1 and the characters that reorder what follows.
bool SteersTerminal(int32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) ||
         In(code_point, {0x200e, 0x200f}) || In(code_point, {0x2028, 0x202e}) ||
         In(code_point, {0x2066, 0x2069});
}

std::vector<std::string_view> Characters(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t length = FirstCharacter(text).length;
    out.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return out;
}

std::string WithSign(bool positive, const std::string& text) {
  return positive ? "+" + text : text;
}

}  // namespace

std::string FormatBytes(int64_t bytes) {
  double value = static_cast<double>(bytes);
  if (std::abs(value) < 1024) return Printf("%.0f %s", value, "B");
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB",
                                                 "TiB", "PiB", "EiB"};
  size_t unit = 0;
  // 1023.5 would be written with four digits; the next unit reads better.
  for (value /= 1024; std::abs(value) >= 999.5 && unit + 1 < kUnits.size();
       ++unit) {
    value /= 1024;
  }
  const double size = std::abs(value);
  const char* format = size < 9.995   ? "%.2f %s"
                       : size < 99.95 ? "%.1f %s"
                                      : "%.0f %s";
  return Printf(format, value, kUnits[unit]);
}

std::string FormatBytesChange(int64_t bytes) {
  return WithSign(bytes > 0, FormatBytes(bytes));
}

std::string FormatByteRate(double bytes_per_s) {
  return FormatBytesChange(std::llround(bytes_per_s)) + "/s";
}

std::string FormatCount(int64_t count) {
  // Unsigned, since the smallest int64 has no positive counterpart.
  std::string digits =
      std::to_string(count < 0 ? uint64_t{0} - static_cast<uint64_t>(count)
                               : static_cast<uint64_t>(count));
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return count < 0 ? "-" + digits : digits;
}

std::string FormatCountChange(int64_t count) {
  return WithSign(count > 0, FormatCount(count));
}

std::string FormatRate(double per_s) {
  if (std::abs(per_s) >= 9.995) {
    return FormatCountChange(std::llround(per_s)) + "/s";
  }
  if (std::abs(per_s) < 0.005) return "0/s";
  return WithSign(per_s > 0, Printf("%.2f%s", per_s, "/s"));
}

std::string FormatShare(double share) {
  const double hundredths = std::floor(share * 10000 + 1e-9);
  const bool whole = std::fmod(hundredths, 100) == 0;
  return Printf(whole ? "%.0f %s" : "%.2f %s", hundredths / 100, "%");
}

std::string FormatNanoseconds(int64_t ns) {
  const double value = static_cast<double>(ns);
  if (ns < 1000) return Printf("%.0f %s", value, "ns");
  if (ns < 1000000) return Printf("%.1f %s", value / 1e3, "us");
  if (ns < 1000000000) return Printf("%.2f %s", value / 1e6, "ms");
  return Printf("%.2f %s", value / 1e9, "s");
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Character character = FirstCharacter(text);
    width += character.code_point < 0 ? 1 : WidthOf(character.code_point);
    text.remove_prefix(character.length);
  }
  return width;
}

std::string Elide(std::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width <= 0) return "";
  const std::vector<std::string_view> characters = Characters(text);
  const int room = width - 1;  // "…" takes one column
  std::string head, tail;
  int used = 0;
  size_t first = 0;
  // The end gets the odd column: it is the class, or the line number.
  for (; first < characters.size(); ++first) {
    const int w = DisplayWidth(characters[first]);
    if (used + w > room / 2) break;
    used += w;
    head += characters[first];
  }
  for (size_t last = characters.size(); last > first; --last) {
    const int w = DisplayWidth(characters[last - 1]);
    if (used + w > room) break;
    used += w;
    tail.insert(0, characters[last - 1]);
  }
  return head + "…" + tail;
}

std::string Harmless(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = FirstCharacter(text);
    if (SteersTerminal(character.code_point)) {
      out += '?';
    } else {
      out += text.substr(0, character.length);
    }
    text.remove_prefix(character.length);
  }
  return out;
}

std::string Wrap(std::string_view text, int width, int indent) {
  std::string out;
  int column = 0;
  while (!text.empty()) {
    const size_t blank = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, blank);
    text.remove_prefix(std::min(blank + 1, text.size()));
    const int word_width = DisplayWidth(word);
    if (column > 0 && width > 0 && column + 1 + word_width > width) {
      out += '\n' + std::string(static_cast<size_t>(indent), ' ');
      column = indent;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word_width;
  }
  return out;
}

}  // namespace plimsoll::cli
