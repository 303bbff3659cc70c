// ELF notes and, among them, SystemTap's static probe descriptors (USDT).
//
// Formats: elf.h (Elf64_Nhdr: namesz, descsz, type, both padded to 4), and
// https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation.
// Pure parsing of foreign bytes; any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_ELF_NOTE_H_
#define PLIMSOLL_AGENT_PYTHON_ELF_NOTE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/python/elf_file.h"

namespace plimsoll::python {

// Calls `visit(name, type, desc)` for each whole note; the name comes without
// its NUL. Stops at the first note that does not fit.
void VisitNotes(std::string_view section,
                const std::function<void(std::string_view, uint32_t,
                                         std::string_view)>& visit);

struct UsdtProbe {
  std::string provider;
  std::string name;
  uint64_t address = 0;            // linked, corrected for prelink
  uint64_t semaphore_address = 0;  // linked; 0: none
  std::string arguments;           // "-4@112(%rsp) 8@%rbx"
};

// All probes of the file, at most 4096.
std::vector<UsdtProbe> ReadUsdtProbes(const ElfFile& elf);

// Where one argument is.
struct UsdtArgument {
  int bytes = 0;  // 1, 2, 4, 8; negative: signed
  enum class Kind { kRegister, kMemory, kConstant } kind = Kind::kRegister;
  int register_index = -1;  // as in core::ProbePoint.argument_register; base
                            // register when kMemory
  int32_t displacement = 0;
  int64_t constant = 0;
};

// The first argument of a USDT argument string; nothing when it is of a form
// that we do not read (an index register, a symbol, a vector register).
std::optional<UsdtArgument> ParseFirstUsdtArgument(std::string_view arguments);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_ELF_NOTE_H_
