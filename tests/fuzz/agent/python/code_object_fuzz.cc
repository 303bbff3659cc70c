// Code objects of a target that writes into its own memory as it likes: every
// version's layout, each read gives the input's next bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/python/code_symbolizer.h"
#include "agent/python/remote_values.h"
#include "tests/support/fuzz_input.h"

namespace {

using plimsoll::core::CodeLayout;

plimsoll::core::PythonProcess Python(uint8_t which) {
  plimsoll::core::PythonProcess python;
  const int minor = 7 + which % 7;
  python.build.version = {3, minor, 0};
  python.frames.instruction_is_lasti = minor <= 10;
  python.code.filename = 112;
  python.code.name = 120;
  python.code.linetable = 128;
  python.code.firstlineno = 136;
  if (minor >= 11) {
    python.code.qualname = 144;
    python.code.code_adaptive = 192;
  }
  python.code.line_table = minor <= 9    ? CodeLayout::LineTable::kLnotab
                           : minor == 10 ? CodeLayout::LineTable::kPep626
                                         : CodeLayout::LineTable::kPep657;
  python.objects.unicode_ascii_data = minor >= 12 ? 40 : 48;
  return python;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::python::kMaxStringBytes;
  if (size < 2) return 0;
  plimsoll::core::PythonProcess python = Python(data[0]);
  if (data[1] % 2 == 1) python.code.code_type_address = 0x4141414141414141;
  const plimsoll::testing::StreamMemory memory(data + 2, size - 2);
  plimsoll::python::CodeSymbolizer symbolizer(python, 4096);
  for (uint64_t i = 0; i < 8; ++i) {
    const plimsoll::core::Frame frame = symbolizer.Symbolize(
        {0x10000 + i % 3 * 4096, 0x10000 + i * 7 + data[1]}, memory);
    if (frame.function.size() > kMaxStringBytes ||
        frame.file.size() > kMaxStringBytes) {
      std::abort();
    }
  }
  if (symbolizer.cached_bytes() > 4096) std::abort();
  return 0;
}
