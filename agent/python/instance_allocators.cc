#include "agent/python/instance_allocators.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace plimsoll::python {
namespace {

constexpr std::string_view kExported = "PyType_GenericAlloc";
// Of a like shape, and probed on their own.
constexpr std::array<std::string_view, 4> kOthers = {
    "_PyObject_GC_New", "_PyObject_GC_NewVar", "_PyObject_New",
    "_PyObject_NewVar"};
constexpr std::string_view kInner = "_PyType_AllocNoTrack";

// PyTypeObject, the same in 3.7-3.15.
struct Field {
  int64_t offset = 0;
  bool whole = true;  // else any byte of it
};
constexpr std::array<Field, 3> kSizeFields = {{
    {0x20},         // tp_basicsize
    {0x28},         // tp_itemsize
    {0xa8, false},  // tp_flags
}};
constexpr int64_t kFieldBytes = 8;

ZydisRegister Whole(ZydisRegister part) {
  return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, part);
}

bool IsRegister(const ZydisDecodedOperand& o) {
  return o.type == ZYDIS_OPERAND_TYPE_REGISTER;
}

// xor reg, reg reads nothing.
bool Zeroes(const Instruction& i) {
  return i.info.mnemonic == ZYDIS_MNEMONIC_XOR && IsRegister(i.operands[0]) &&
         IsRegister(i.operands[1]) &&
         i.operands[0].reg.value == i.operands[1].reg.value;
}

bool Reads(const Instruction& i, ZydisRegister whole) {
  if (Zeroes(i)) return false;
  return std::any_of(
      i.operands.begin(), i.operands.begin() + i.info.operand_count,
      [whole](const ZydisDecodedOperand& o) {
        if (o.type == ZYDIS_OPERAND_TYPE_MEMORY) {
          return Whole(o.mem.base) == whole || Whole(o.mem.index) == whole;
        }
        return IsRegister(o) && Whole(o.reg.value) == whole &&
               (o.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
      });
}

std::optional<FunctionBounds> FunctionAt(const CodeIndex& code,
                                         std::optional<uint64_t> start) {
  const auto bounds = start ? code.functions().Find(*start) : std::nullopt;
  return bounds && bounds->begin == *start ? bounds : std::nullopt;
}

// The function that this one calls first, with its own first argument.
std::optional<FunctionBounds> FirstCallee(const CodeIndex& code,
                                          const FunctionBounds& caller) {
  std::optional<FunctionBounds> callee;
  code.Visit(caller, [&](const Instruction& i, uint64_t at) {
    if (IsCall(i)) callee = FunctionAt(code, DirectTarget(i, at));
    return !Branches(i) && !Writes(i, ZYDIS_REGISTER_RDI);
  });
  return callee;
}

// What is read of the first argument, as offsets of bytes, up to a call.
std::set<int64_t> BytesReadOfArgument(const CodeIndex& code,
                                      const FunctionBounds& function) {
  constexpr int64_t kMostBytes = 64;
  std::set<ZydisRegister> holders = {ZYDIS_REGISTER_RDI};
  std::set<int64_t> read;
  code.Visit(function, [&](const Instruction& i, uint64_t) {
    if (IsCall(i)) return false;
    for (int n = 0; n < i.info.operand_count_visible; ++n) {
      const ZydisDecodedOperand& o = i.operands[n];
      if (o.type != ZYDIS_OPERAND_TYPE_MEMORY ||
          (o.actions & ZYDIS_OPERAND_ACTION_MASK_READ) == 0 ||
          o.mem.index != ZYDIS_REGISTER_NONE || !holders.contains(o.mem.base)) {
        continue;
      }
      const int64_t bytes = std::min<int64_t>(o.size / 8, kMostBytes);
      for (int64_t b = 0; b < bytes; ++b) read.insert(o.mem.disp.value + b);
    }
    const bool copies =
        i.info.mnemonic == ZYDIS_MNEMONIC_MOV && IsRegister(i.operands[0]) &&
        IsRegister(i.operands[1]) && holders.contains(i.operands[1].reg.value);
    std::erase_if(holders, [&i](ZydisRegister r) { return Writes(i, r); });
    if (copies) holders.insert(i.operands[0].reg.value);
    return true;
  });
  return read;
}

bool HasShape(const CodeIndex& code, const FunctionBounds& function) {
  const std::set<int64_t> read = BytesReadOfArgument(code, function);
  return std::all_of(
      kSizeFields.begin(), kSizeFields.end(), [&read](const Field& field) {
        const auto first = read.lower_bound(field.offset);
        const auto end = read.lower_bound(field.offset + kFieldBytes);
        return field.whole ? std::distance(first, end) == kFieldBytes
                           : first != end;
      });
}

// Whether the second argument is read before it is written.
bool TakesItems(const CodeIndex& code, const FunctionBounds& function) {
  bool takes = false;
  code.Visit(function, [&takes](const Instruction& i, uint64_t) {
    takes = Reads(i, ZYDIS_REGISTER_RSI);
    return !takes && !IsCall(i) && !Writes(i, ZYDIS_REGISTER_RSI);
  });
  return takes;
}

// The functions that are called soon behind a mention of `address`, and behind
// how many mentions.
std::map<FunctionBounds, int> CalledBehindMentions(const CodeIndex& code,
                                                   uint64_t address) {
  constexpr int kMostInstructions = 12;
  std::map<FunctionBounds, int> called;
  for (const uint64_t mention : code.Mentions(address)) {
    const auto function = code.functions().Find(mention);
    if (!function) continue;
    int left = kMostInstructions;
    code.Visit(*function, [&](const Instruction& i, uint64_t at) {
      if (at <= mention) return true;
      if (IsCall(i)) {
        if (const auto callee = FunctionAt(code, DirectTarget(i, at))) {
          ++called[*callee];
          return false;
        }
      }
      return --left > 0;
    });
  }
  return called;
}

// Whether the file has symbols and calls this function something else.
bool SymbolContradicts(const ElfFile& elf, const FunctionBounds& function) {
  const auto symbols = elf.MatchSymtab([](std::string_view name) {
    return name.substr(0, kInner.size()) == kInner;
  });
  return !symbols.empty() && std::none_of(symbols.begin(), symbols.end(),
                                          [&function](const ElfSymbol& s) {
                                            return s.address == function.begin;
                                          });
}

}  // namespace

InstanceAllocators FindInstanceAllocators(const ElfFile& elf,
                                          const CodeIndex& code) {
  // Fewer may be chance.
  constexpr int kLeastMentions = 2;
  InstanceAllocators result;
  const std::array<std::string_view, 1> names = {kExported};
  const auto exports = elf.FindExports(names);
  if (exports.empty()) return result;
  const auto exported = FunctionAt(code, exports.begin()->second.address);
  if (!exported) return result;
  std::set<uint64_t> others = {exported->begin};
  for (const auto& [name, symbol] : elf.FindExports(kOthers)) {
    others.insert(symbol.address);
  }
  std::set<FunctionBounds> found;
  const auto add = [&](const std::optional<FunctionBounds>& function) {
    if (!function || others.contains(function->begin) ||
        !HasShape(code, *function) || SymbolContradicts(elf, *function)) {
      return false;
    }
    found.insert(*function);
    return true;
  };
  const bool calls_one = add(FirstCallee(code, *exported));
  for (const auto& [function, mentions] :
       CalledBehindMentions(code, exported->begin)) {
    if (mentions < kLeastMentions) continue;
    if (!add(function)) add(FirstCallee(code, function));
  }
  result.exported_allocates = !calls_one;
  for (const FunctionBounds& function : found) {
    result.found.push_back({function, TakesItems(code, function)});
  }
  return result;
}

}  // namespace plimsoll::python
