// FunctionTable: where the functions of a stripped file begin and end, from the
// frame descriptions that the unwinder needs and `strip` must leave: .eh_frame.
// A function that the compiler split has one entry for each part.
//
// Format: Linux Standard Base, Core 5.0, 10.6 "Exception Frames"; DWARF 5,
// 6.4.1. Pointers relative to the program counter or absolute, of 2, 4 or 8
// bytes; entries in any other encoding are left out.
//
// Foreign bytes: every length is checked, at most kMostFunctions are kept.
// Immutable after Parse; any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_FUNCTION_TABLE_H_
#define PLIMSOLL_AGENT_PYTHON_FUNCTION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/python/elf_file.h"

namespace plimsoll::python {

struct FunctionBounds {  // [begin, end), as linked
  uint64_t begin = 0;
  uint64_t end = 0;
  bool Contains(uint64_t address) const {
    return address >= begin && address < end;
  }
  friend auto operator<=>(const FunctionBounds&,
                          const FunctionBounds&) = default;
};

class FunctionTable {
 public:
  static constexpr size_t kMostFunctions = 1 << 20;

  // Of an .eh_frame section that is linked at `address`.
  static FunctionTable Parse(std::string_view eh_frame, uint64_t address);
  // Of a file; empty when it has no such section.
  static FunctionTable Of(const ElfFile& elf);

  // The entry that contains the address.
  std::optional<FunctionBounds> Find(uint64_t address) const;
  const std::vector<FunctionBounds>& all() const { return functions_; }

 private:
  explicit FunctionTable(std::vector<FunctionBounds> functions)
      : functions_(std::move(functions)) {}

  std::vector<FunctionBounds> functions_;  // by begin
};

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_FUNCTION_TABLE_H_
