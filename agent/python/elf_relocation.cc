#include "agent/python/elf_relocation.h"

#include <elf.h>

#include <cstring>
#include <string>

namespace plimsoll::python {
namespace {

constexpr uint64_t kMostNameBytes = 256;
constexpr int kMostSlots = 1 << 16;  // a program has some hundreds

// Whether symbol `index` of the table that a section links to has that name.
bool IsNamed(const ElfFile& elf, const ElfSection& relocations, uint64_t index,
             std::string_view name) {
  const auto& sections = elf.sections();
  if (relocations.link >= sections.size()) return false;
  const ElfSection& symbols = sections[relocations.link];
  if (symbols.type != SHT_DYNSYM || symbols.link >= sections.size() ||
      index >= symbols.size / sizeof(Elf64_Sym)) {
    return false;
  }
  const ElfSection& names = sections[symbols.link];
  const auto bytes =
      elf.bytes().ReadBytes(symbols.file_offset + index * sizeof(Elf64_Sym),
                            sizeof(Elf64_Sym), sizeof(Elf64_Sym));
  if (!bytes || bytes->size() != sizeof(Elf64_Sym)) return false;
  Elf64_Sym symbol;
  std::memcpy(&symbol, bytes->data(), sizeof(symbol));
  if (symbol.st_name >= names.size || name.size() >= kMostNameBytes ||
      names.size - symbol.st_name <= name.size()) {
    return false;
  }
  const auto text = elf.bytes().ReadBytes(names.file_offset + symbol.st_name,
                                          name.size() + 1, kMostNameBytes);
  return text && text->size() == name.size() + 1 &&
         std::string_view(*text).substr(0, name.size()) == name &&
         text->back() == '\0';
}

}  // namespace

std::optional<uint64_t> SlotOf(const ElfFile& elf, std::string_view function) {
  int slots = 0;
  for (const ElfSection& section : elf.sections()) {
    if (section.type != SHT_RELA) continue;
    const auto table = elf.bytes().ReadBytes(section.file_offset, section.size,
                                             ElfFile::kMaxTableBytes);
    if (!table) continue;
    for (size_t at = 0; at + sizeof(Elf64_Rela) <= table->size();
         at += sizeof(Elf64_Rela)) {
      Elf64_Rela entry;
      std::memcpy(&entry, table->data() + at, sizeof(entry));
      const auto type = ELF64_R_TYPE(entry.r_info);
      if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
      if (++slots > kMostSlots) return std::nullopt;
      if (IsNamed(elf, section, ELF64_R_SYM(entry.r_info), function)) {
        return entry.r_offset;
      }
    }
  }
  return std::nullopt;
}

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
