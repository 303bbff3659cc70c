// Any bytes as an interpreter's file: everything that IdentifyProcess reads of
// it. An input that begins with an even byte is the file; else it is a list of
// damages {offset u16, byte u8} to a valid one, which gets deeper.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/python/interpreter_binary.h"
#include "tests/support/interpreter_elf.h"

namespace {

std::string ValidFile() {
  using plimsoll::testing::ElfBuilder;
  auto elf = plimsoll::testing::InterpreterElf(11, "3.11.2");
  elf.Local("gc_collect_main", ElfBuilder::kCode, true, 2);
  elf.BuildId("\x01\x02\x03");
  elf.Usdt("python", "gc__start", "-4@112(%rsp)", ElfBuilder::kCode + 2,
           ElfBuilder::kData + 4);
  elf.Usdt("python", "gc__done", "-8@%r12", ElfBuilder::kCode + 3,
           ElfBuilder::kData + 6);
  return elf.Build();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll::python;
  static const std::string valid = ValidFile();
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size > 0 && data[0] % 2 == 1) {
    bytes = valid;
    for (size_t i = 1; i + 3 <= size; i += 3) {
      const size_t at = data[i] | size_t{data[i + 1]} << 8;
      bytes[at % bytes.size()] = static_cast<char>(data[i + 2]);
    }
  }
  OpenedFile file;
  file.bytes = std::make_shared<BufferByteSource>(std::move(bytes));
  (void)AnalyzeInterpreter(file, "/usr/bin/python3.11");
  return 0;
}
