#include "agent/python/elf_relocation.h"

#include <elf.h>

#include <cstring>
#include <string>

namespace plimsoll::python {

std::optional<uint64_t> InitialPointer(const ElfFile& elf, uint64_t address) {
  for (const ElfSection& section : elf.sections()) {
    if (section.type != SHT_RELA) continue;
    const auto table = elf.bytes().ReadBytes(section.file_offset, section.size,
                                             ElfFile::kMaxTableBytes);
    if (!table) continue;
    for (size_t at = 0; at + sizeof(Elf64_Rela) <= table->size();
         at += sizeof(Elf64_Rela)) {
      Elf64_Rela entry;
      std::memcpy(&entry, table->data() + at, sizeof(entry));
      if (entry.r_offset != address) continue;
      if (ELF64_R_TYPE(entry.r_info) != R_X86_64_RELATIVE) return std::nullopt;
      return static_cast<uint64_t>(entry.r_addend);
    }
  }
  const std::string bytes = elf.ReadAddress(address, sizeof(uint64_t));
  uint64_t word = 0;
  if (bytes.size() != sizeof(word)) return std::nullopt;
  std::memcpy(&word, bytes.data(), sizeof(word));
  return word;
}

}  // namespace plimsoll::python
