#include "agent/python/internal_functions.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/python/elf_note.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::python {
namespace {

using Functions = std::set<FunctionBounds>;

absl::Status Refused(std::string_view what, std::string_view why) {
  return absl::UnimplementedError(
      absl::StrCat(std::string(what), " is not found: ", std::string(why)));
}

constexpr std::string_view kCollector = "the collector's function";
constexpr std::string_view kNewPool = "the function that starts a pool";

// Where constant strings begin that start with `text`.
std::vector<uint64_t> AddressesOfText(const ElfFile& elf,
                                      std::string_view text) {
  constexpr size_t kMost = 4;
  std::vector<uint64_t> found;
  for (const ElfSegment& s : elf.segments()) {
    if (s.writable) continue;
    const std::string bytes = elf.ReadAddress(s.address, s.file_bytes);
    size_t at = bytes.find(text);
    while (at != std::string::npos && found.size() < kMost) {
      if (at > 0 && bytes[at - 1] == '\0') found.push_back(s.address + at);
      at = bytes.find(text, at + 1);
    }
  }
  return found;
}

// The functions whose code, split parts included, mentions the text.
Functions FunctionsThatMention(const ElfFile& elf, const CodeIndex& code,
                               std::string_view text) {
  Functions functions;
  for (const uint64_t address : AddressesOfText(elf, text)) {
    for (const uint64_t at : code.Mentions(address)) {
      const auto part = code.functions().Find(at);
      const auto home = part ? code.HomeOf(*part) : std::nullopt;
      if (home) functions.insert(*home);
    }
  }
  return functions;
}

// Functions reached from the one at `start` over at most `hops` calls.
Functions Reached(const CodeIndex& code, uint64_t start, int hops) {
  constexpr size_t kMostReached = 512;
  Functions reached;
  std::set<uint64_t> edge = {start};
  for (int hop = 0; hop < hops && reached.size() < kMostReached; ++hop) {
    std::set<uint64_t> next;
    for (const uint64_t at : edge) {
      const auto function = code.functions().Find(at);
      if (!function || function->begin != at) continue;
      for (const uint64_t callee : code.Callees(*function)) {
        const auto bounds = code.functions().Find(callee);
        if (bounds && reached.insert(*bounds).second) next.insert(callee);
      }
    }
    edge = std::move(next);
  }
  return reached;
}

Functions Common(const Functions& a, const Functions& b) {
  Functions both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(),
                        std::inserter(both, both.end()));
  return both;
}

uint64_t ExportOf(const ElfFile& elf, std::string_view name) {
  const std::array<std::string_view, 1> names = {name};
  const auto symbols = elf.FindExports(names);
  return symbols.empty() || !symbols.begin()->second.is_function
             ? 0
             : symbols.begin()->second.address;
}

// Entries of the functions that .symtab calls `base`, clones included.
std::set<uint64_t> SymbolsLike(const ElfFile& elf, std::string_view base) {
  std::set<uint64_t> addresses;
  for (const ElfSymbol& symbol : elf.MatchSymtab([base](std::string_view n) {
         if (n.substr(0, base.size()) != base) return false;
         const std::string_view rest = n.substr(base.size());
         return rest.empty() || (rest.front() == '.' &&
                                 rest.find(".cold") == std::string_view::npos);
       })) {
    if (symbol.is_function) addresses.insert(symbol.address);
  }
  return addresses;
}

// The value that a register holds at a call: that of the last instruction
// before it which writes the register, when that one loads a constant.
struct LoadedConstant {
  bool written = false;
  std::optional<uint64_t> value;
};

LoadedConstant ConstantBefore(const CodeIndex& code, uint64_t call,
                              ZydisRegister whole) {
  LoadedConstant last;
  const auto function = code.functions().Find(call);
  if (!function) return last;
  code.Visit(*function, [&](const Instruction& i, uint64_t at) {
    if (at >= call) return false;
    // What was loaded before a branch may not be what arrives here.
    if (Branches(i)) last = {};
    if (!Writes(i, whole)) return true;
    last = {.written = true, .value = std::nullopt};
    if (i.info.mnemonic == ZYDIS_MNEMONIC_MOV &&
        i.operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
      last.value = i.operands[1].imm.value.u;
    }
    return true;
  });
  return last;
}

// Which argument is the generation, by what callers pass: PyGC_Collect and
// gc.collect() ask for the oldest, 2. The compiler may have dropped or moved
// parameters, and a stripped file does not tell.
int GenerationArgument(const CodeIndex& code, const FunctionBounds& collector,
                       int expected) {
  constexpr uint64_t kOldest = 2;
  bool passed_as_expected = false;
  for (const Transfer& t : code.TransfersInto(collector)) {
    if (t.target != collector.begin) continue;
    const auto first = ConstantBefore(code, t.from, ZYDIS_REGISTER_RDI);
    const auto second = ConstantBefore(code, t.from, ZYDIS_REGISTER_RSI);
    // The first argument of 3.8 and later is a pointer.
    if (expected == 1 && first.value && *first.value <= kOldest) return -1;
    if ((expected == 1 ? second : first).value == kOldest) {
      passed_as_expected = true;
    }
  }
  return passed_as_expected ? expected : -1;
}

// That the probe gc__start, where the file has it, is in these functions.
absl::StatusOr<bool> UsdtAgrees(const ElfFile& elf, const CodeIndex& code,
                                const Functions& collectors) {
  bool seen = false;
  for (const UsdtProbe& probe : ReadUsdtProbes(elf)) {
    if (probe.provider != "python" || probe.name != "gc__start") continue;
    const auto part = code.functions().Find(probe.address);
    const auto home = part ? code.HomeOf(*part) : std::nullopt;
    if (!home || !collectors.contains(*home)) {
      return Refused(kCollector, "the USDT probe gc__start is in another");
    }
    seen = true;
  }
  return seen;
}

// That PyGC_Collect calls one of them, and that each other, a clone that the
// compiler made for other callers, is called by what else collects: tracked
// allocations (up to 3.11), the end of the interpreter, the evaluation loop.
absl::Status CheckCallers(const ElfFile& elf, const CodeIndex& code,
                          const Functions& collectors) {
  constexpr int kHops = 3;
  constexpr int kHopsOfAllocation = 5;
  const uint64_t api = ExportOf(elf, "PyGC_Collect");
  if (api == 0) return Refused(kCollector, "PyGC_Collect is not exported");
  Functions called = Reached(code, api, kHops);
  if (Common(collectors, called).empty()) {
    return Refused(kCollector,
                   "PyGC_Collect does not call what mentions its messages");
  }
  if (Common(collectors, called) == collectors) return absl::OkStatus();
  for (const std::string_view name :
       {"_PyObject_GC_New", "_PyObject_GC_Malloc", "_PyGC_CollectNoFail"}) {
    const uint64_t start = ExportOf(elf, name);
    if (start == 0) continue;
    called.merge(Reached(code, start, kHopsOfAllocation));
  }
  if (Common(collectors, called) != collectors) {
    return Refused(kCollector, "nothing that collects calls one of its clones");
  }
  return absl::OkStatus();
}

// pool_header of obmalloc.c.
constexpr int64_t kSizeIndex = 0x24;
constexpr int64_t kMaxNextOffset = 0x2c;

bool StoresAt(const Instruction& i, int64_t displacement) {
  const ZydisDecodedOperand& o = i.operands[0];
  return i.info.mnemonic == ZYDIS_MNEMONIC_MOV &&
         o.type == ZYDIS_OPERAND_TYPE_MEMORY && o.size == 32 &&
         o.mem.index == ZYDIS_REGISTER_NONE &&
         o.mem.base != ZYDIS_REGISTER_RIP && o.mem.base != ZYDIS_REGISTER_RSP &&
         o.mem.disp.value == displacement;
}

// The functions that make a pool ready: both stores of pool_header.
Functions FunctionsThatStartPools(const CodeIndex& code) {
  Functions functions;
  // movl $0xffff, 0x24(%reg), with and without a REX.B prefix, by the register.
  for (int reg = 0; reg < 8; ++reg) {
    if (reg == 4) continue;  // an index byte follows: not how a pool is held
    const std::array<char, 7> store = {
        '\xc7', static_cast<char>(0x40 + reg), kSizeIndex, '\xff', '\xff', '\0',
        '\0'};
    const std::string plain(store.data(), store.size());
    for (const std::string& bytes : {plain, std::string("\x41") + plain}) {
      for (const uint64_t at : code.InstructionsLike(bytes)) {
        const auto part = code.functions().Find(at);
        const auto home = part ? code.HomeOf(*part) : std::nullopt;
        if (home) functions.insert(*home);
      }
    }
  }
  std::erase_if(functions, [&code](const FunctionBounds& f) {
    bool sets_limit = false;
    code.Visit(f, [&](const Instruction& i, uint64_t) {
      sets_limit = sets_limit || StoresAt(i, kMaxNextOffset);
      return !sets_limit;
    });
    return !sets_limit;
  });
  return functions;
}

}  // namespace

absl::StatusOr<std::vector<InternalFunction>> FindCollector(
    const ElfFile& elf, const CodeIndex& code,
    const core::PythonVersion& version) {
  constexpr size_t kMostClones = 3;
  if (code.functions().all().empty()) {
    return Refused(kCollector, "the file has no .eh_frame");
  }
  const Functions by_messages =
      Common(FunctionsThatMention(elf, code, "gc: collecting generation %d"),
             FunctionsThatMention(elf, code, "gc: done"));
  if (by_messages.empty() || by_messages.size() > kMostClones) {
    return Refused(kCollector, absl::StrCat(by_messages.size(),
                                            " functions mention its messages"));
  }
  PLIMSOLL_RETURN_IF_ERROR(CheckCallers(elf, code, by_messages));
  PLIMSOLL_ASSIGN_OR_RETURN(const bool usdt,
                            UsdtAgrees(elf, code, by_messages));
  const auto symbols =
      SymbolsLike(elf, version.minor >= 10 ? "gc_collect_main" : "collect");
  std::vector<InternalFunction> found;
  for (const FunctionBounds& bounds : by_messages) {
    InternalFunction f{.bounds = bounds, .evidence = "messages, calls"};
    if (usdt) f.evidence += ", usdt";
    if (!symbols.empty()) {
      if (!symbols.contains(bounds.begin)) {
        return Refused(kCollector, "its symbol names another");
      }
      f.evidence += ", symbol";
    }
    // collect(generation, ...) in 3.7, (state, generation, ...) after.
    f.generation_argument =
        GenerationArgument(code, bounds, version.minor == 7 ? 0 : 1);
    found.push_back(std::move(f));
  }
  return found;
}

absl::StatusOr<InternalFunction> FindNewPool(const ElfFile& elf,
                                             const CodeIndex& code,
                                             const core::PythonVersion& version,
                                             uint64_t object_malloc) {
  constexpr int kFirstMinor = 9;
  if (version.minor < kFirstMinor) {
    return Refused(kNewPool, "this version starts pools inside its allocator");
  }
  if (code.functions().all().empty()) {
    return Refused(kNewPool, "the file has no .eh_frame");
  }
  const Functions by_shape = FunctionsThatStartPools(code);
  Functions by_calls;
  for (const uint64_t start :
       {object_malloc, ExportOf(elf, "PyObject_Malloc")}) {
    if (start == 0) continue;
    for (const FunctionBounds& f : Reached(code, start, 2)) by_calls.insert(f);
    if (const auto self = code.functions().Find(start);
        self && by_shape.contains(*self)) {
      return Refused(kNewPool, "it was inlined into the allocator");
    }
  }
  const Functions both = Common(by_shape, by_calls);
  if (both.size() != 1) {
    return Refused(
        kNewPool,
        absl::StrCat(by_shape.size(), " functions store a pool's head, ",
                     both.size(), " of them are called by the allocator"));
  }
  InternalFunction found{.bounds = *both.begin(), .evidence = "shape, calls"};
  const auto symbols = SymbolsLike(elf, "allocate_from_new_pool");
  if (!symbols.empty()) {
    if (!symbols.contains(found.bounds.begin)) {
      return Refused(kNewPool, "its symbol names another");
    }
    found.evidence += ", symbol";
  }
  return found;
}

}  // namespace plimsoll::python
