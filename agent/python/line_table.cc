#include "agent/python/line_table.h"

#include <cstddef>

namespace plimsoll::python {
namespace {

// Sums of hostile deltas must not overflow: all arithmetic is in int64.
int32_t AsLine(int64_t line) {
  return line > 0 && line <= INT32_MAX ? static_cast<int32_t>(line) : 0;
}

int32_t LineInLnotab(std::string_view table, int64_t line, int64_t offset) {
  int64_t address = 0;
  for (size_t i = 0; i + 1 < table.size(); i += 2) {
    address += static_cast<uint8_t>(table[i]);
    if (address > offset) break;
    line += static_cast<int8_t>(table[i + 1]);
  }
  return AsLine(line);
}

int32_t LineInPep626(std::string_view table, int64_t line, int64_t offset) {
  constexpr int8_t kNoLine = -128;
  int64_t end = 0;
  for (size_t i = 0; i + 1 < table.size(); i += 2) {
    end += static_cast<uint8_t>(table[i]);
    const auto delta = static_cast<int8_t>(table[i + 1]);
    if (delta != kNoLine) line += delta;
    if (offset < end) return delta == kNoLine ? 0 : AsLine(line);
  }
  return 0;
}

// Six bits a byte, least first; 0x40 says that more follow.
uint64_t TakeVarint(std::string_view table, size_t& at) {
  uint64_t value = 0;
  for (int shift = 0; at < table.size() && shift < 36; shift += 6) {
    const auto byte = static_cast<uint8_t>(table[at++]);
    value |= uint64_t{byte & 0x3fu} << shift;
    if ((byte & 0x40) == 0) break;
  }
  return value;
}

int64_t TakeSignedVarint(std::string_view table, size_t& at) {
  const uint64_t value = TakeVarint(table, at);
  const auto magnitude = static_cast<int64_t>(value >> 1);
  return (value & 1) != 0 ? -magnitude : magnitude;
}

// Codes of a location entry, PEP 657.
enum : uint8_t {
  kOneLine0 = 10,  // 10, 11, 12: the line goes on by 0, 1, 2
  kNoColumns = 13,
  kLong = 14,
  kNone = 15,
};

int32_t LineInPep657(std::string_view table, int64_t line, int64_t offset) {
  constexpr int64_t kUnitBytes = 2;
  int64_t end = 0;
  for (size_t at = 0; at < table.size();) {
    const auto head = static_cast<uint8_t>(table[at++]);
    if ((head & 0x80) == 0) return 0;  // not the start of an entry
    const uint8_t code = (head >> 3) & 15;
    if (code == kLong || code == kNoColumns) {
      line += TakeSignedVarint(table, at);
    } else if (code >= kOneLine0 && code < kNoColumns) {
      line += code - kOneLine0;
    }
    end += ((head & 7) + 1) * kUnitBytes;
    if (offset < end) return code == kNone ? 0 : AsLine(line);
    // Columns are of no interest: the next entry starts at the next high bit.
    while (at < table.size() && (table[at] & 0x80) == 0) ++at;
  }
  return 0;
}

}  // namespace

int32_t LineAt(core::CodeLayout::LineTable format, std::string_view table,
               int32_t first_line, int32_t offset) {
  if (offset < 0) return AsLine(first_line);
  switch (format) {
    case core::CodeLayout::LineTable::kLnotab:
      return LineInLnotab(table, first_line, offset);
    case core::CodeLayout::LineTable::kPep626:
      return LineInPep626(table, first_line, offset);
    case core::CodeLayout::LineTable::kPep657:
      return LineInPep657(table, first_line, offset);
  }
  return 0;
}

}  // namespace plimsoll::python
