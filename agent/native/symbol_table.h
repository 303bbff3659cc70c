// Names for the addresses of one module, from whatever symbols its file has:
// .symtab, else .dynsym. A symbol names an address only where its size covers
// it; what lies behind the last covering symbol is said to be near it, since in
// a stripped file the functions between two exported ones have no name.
//
// Pure. One owner; const members from any thread.
#ifndef PLIMSOLL_AGENT_NATIVE_SYMBOL_TABLE_H_
#define PLIMSOLL_AGENT_NATIVE_SYMBOL_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::native {

struct Symbol {
  uint64_t address = 0;
  uint64_t size = 0;
  std::string name;
};

class SymbolTable {
 public:
  SymbolTable() = default;
  explicit SymbolTable(std::vector<Symbol> symbols);

  // "malloc", "ns::f(int)"; "near malloc" where no symbol covers the address;
  // "" where none stands before it.
  std::string NameOf(uint64_t address) const;
  size_t size() const { return symbols_.size(); }

 private:
  std::vector<Symbol> symbols_;  // by address; of aliases the plainest
};

// C++ names as people write them; others unchanged, without a version behind
// "@". At most kMostNameBytes.
inline constexpr size_t kMostNameBytes = 512;
std::string Demangle(std::string_view name);

}  // namespace plimsoll::native

#endif  // PLIMSOLL_AGENT_NATIVE_SYMBOL_TABLE_H_
