// Any bytes as .eh_frame: what is found must lie where the entries say.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/python/function_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::python::FunctionTable;
  const auto table = FunctionTable::Parse(
      std::string_view(reinterpret_cast<const char*>(data), size), 0x400000);
  uint64_t before = 0;
  for (const auto& function : table.all()) {
    if (function.begin < before || function.end <= function.begin) std::abort();
    before = function.begin;
    if (!table.Find(function.begin)) std::abort();
  }
  return 0;
}
