// Any bytes as a line table of each format, at several instructions.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/python/line_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::core::CodeLayout;
  using plimsoll::python::LineAt;
  const std::string_view table(reinterpret_cast<const char*>(data), size);
  for (const auto format :
       {CodeLayout::LineTable::kLnotab, CodeLayout::LineTable::kPep626,
        CodeLayout::LineTable::kPep657}) {
    for (const int32_t offset : {-1, 0, 2, 100, 100'000, INT32_MAX}) {
      for (const int32_t first : {INT32_MIN, 0, 1, INT32_MAX}) {
        if (LineAt(format, table, first, offset) < 0) std::abort();
      }
    }
  }
  return 0;
}
