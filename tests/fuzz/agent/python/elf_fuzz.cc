// Any bytes as an interpreter's file: everything that IdentifyProcess reads of
// it. An input that begins with an even byte is the file; else it is a list of
// damages {offset u16, byte u8} to a valid one, which gets deeper.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/python/elf_relocation.h"
#include "agent/python/interpreter_binary.h"
#include "tests/support/fuzz_input.h"
#include "tests/support/interpreter_elf.h"

namespace {

// One that is absolute, of 4 bytes, by the CIE at 0. `id_at` is where its id
// field is in the section.
std::string Fde(uint32_t id_at, uint32_t begin, uint32_t size) {
  const uint32_t words[] = {12, id_at, begin, size};
  return {reinterpret_cast<const char*>(words), sizeof(words)};
}

std::string ValidFile() {
  using plimsoll::testing::ElfBuilder;
  auto elf = plimsoll::testing::InterpreterElf(11, "3.11.2");
  elf.Local("gc_collect_main", ElfBuilder::kCode, true, 2);
  elf.BuildId("\x01\x02\x03");
  elf.Usdt("python", "gc__start", "-4@112(%rsp)", ElfBuilder::kCode + 2,
           ElfBuilder::kData + 4);
  elf.Usdt("python", "gc__done", "-8@%r12", ElfBuilder::kCode + 3,
           ElfBuilder::kData + 6);
  // The collector's messages, and a function that mentions both and stores a
  // pool's head, so that the search for internal functions gets somewhere.
  elf.ReadOnly(std::string("gc: collecting generation %d\0gc: done\0", 38));
  elf.Export("PyGC_Collect", ElfBuilder::kCode + 26, true, 16);
  elf.Code(std::string("\xe8\x0b\0\0\0\xc3", 6) + std::string(10, '\x90') +
           std::string("\xbf\x08\x04\0\0\xbf\x25\x04\0\0", 10) +
           std::string("\xc7\x40\x24\xff\xff\0\0\x89\x50\x2c\xc3", 11));
  elf.Import("malloc", ElfBuilder::kData + 8);
  elf.FixedAddress();
  elf.EhFrame(std::string("\x14\0\0\0\0\0\0\0\x01zR\0\x01\x78\x10\x01\x03"
                          "\0\0\0\0\0\0\0",
                          24) +
              Fde(28, ElfBuilder::kCode + 26, 16) +
              Fde(44, ElfBuilder::kCode + 42, 21));
  return elf.Build();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll::python;
  static const std::string valid = ValidFile();
  std::string bytes = plimsoll::testing::ValidButDamaged(valid, data, size);
  OpenedFile file;
  file.bytes = std::make_shared<BufferByteSource>(std::move(bytes));
  (void)AnalyzeInterpreter(file, "/usr/bin/python3.11");
  if (const auto elf = ElfFile::Parse(file.bytes); elf.ok()) {
    (void)SlotOf(*elf, "malloc");
  }
  return 0;
}
