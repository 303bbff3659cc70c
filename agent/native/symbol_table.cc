#include "agent/native/symbol_table.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <tuple>
#include <utility>

namespace plimsoll::native {
namespace {

// A name that a person would call the function by, of several for one address.
auto Plainness(const Symbol& s) {
  const size_t underscores =
      std::min(s.name.find_first_not_of('_'), s.name.size());
  return std::tuple(s.size == 0, underscores, s.name.size());
}

}  // namespace

SymbolTable::SymbolTable(std::vector<Symbol> symbols)
    : symbols_(std::move(symbols)) {
  std::stable_sort(symbols_.begin(), symbols_.end(),
                   [](const Symbol& a, const Symbol& b) {
                     if (a.address != b.address) return a.address < b.address;
                     return Plainness(a) < Plainness(b);
                   });
  symbols_.erase(std::unique(symbols_.begin(), symbols_.end(),
                             [](const Symbol& a, const Symbol& b) {
                               return a.address == b.address;
                             }),
                 symbols_.end());
  symbols_.shrink_to_fit();
}

std::string SymbolTable::NameOf(uint64_t address) const {
  const auto after = std::upper_bound(
      symbols_.begin(), symbols_.end(), address,
      [](uint64_t at, const Symbol& s) { return at < s.address; });
  if (after == symbols_.begin()) return "";
  const Symbol& symbol = *std::prev(after);
  std::string name = Demangle(symbol.name);
  if (address - symbol.address < symbol.size) return name;
  return "near " + name;
}

std::string Demangle(std::string_view name) {
  name = name.substr(0, std::min(name.find('@'), kMostNameBytes));
  std::string plain(name);
  if (!plain.starts_with("_Z")) return plain;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(plain.c_str(), nullptr, nullptr, &status),
      &std::free);
  if (status != 0 || demangled == nullptr) return plain;
  return std::string(demangled.get()).substr(0, kMostNameBytes);
}

}  // namespace plimsoll::native
