// The pointers that a file's data starts with, once the dynamic linker has
// relocated it: known without a process. Any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_ELF_RELOCATION_H_
#define PLIMSOLL_AGENT_PYTHON_ELF_RELOCATION_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/python/elf_file.h"

namespace plimsoll::python {

// The pointer at a linked address, as linked: the addend of its relative
// relocation (R_X86_64_RELATIVE of .rela.dyn), else the word in the file, which
// is right for programs at fixed addresses and for packed relocations (RELR).
// Nothing when it depends on another file's symbol, or is not in the file.
std::optional<uint64_t> InitialPointer(const ElfFile& elf, uint64_t address);

// The linked address of the pointer through which the file reaches a function
// of another file: its slot of the global offset table (R_X86_64_JUMP_SLOT or
// R_X86_64_GLOB_DAT, of whatever version). Nothing when it has none.
std::optional<uint64_t> SlotOf(const ElfFile& elf, std::string_view function);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_ELF_RELOCATION_H_
