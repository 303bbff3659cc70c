#include "agent/python/allocator_tables.h"

#include <Zydis/Zydis.h>

#include <array>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/python/remote_values.h"

namespace plimsoll::python {
namespace {

struct AllocatorEx {
  uint64_t context, malloc, calloc, realloc, free;
};
static_assert(sizeof(AllocatorEx) == 40);

// debug_alloc_api_t of obmalloc.c: an id, then the table it wraps.
constexpr uint64_t kDebugInnerTable = 8;

bool IsDebugId(uint64_t word) {
  const char id = static_cast<char>(word & 0xff);
  return id == 'o' || id == 'm' || id == 'r';
}

uint64_t TableOf(const ElfFile& elf, const ElfSymbol& function) {
  constexpr uint64_t kTrampolineBytes = 64;
  const std::string code = elf.ReadAddress(function.address, kTrampolineBytes);
  return FindTableInCode(
             std::span(reinterpret_cast<const uint8_t*>(code.data()),
                       code.size()),
             function.address)
      .value_or(0);
}

}  // namespace

std::optional<uint64_t> FindTableInCode(std::span<const uint8_t> code,
                                        uint64_t address) {
  ZydisDecoder decoder;
  if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
                                     ZYDIS_STACK_WIDTH_64))) {
    return std::nullopt;
  }
  std::set<uint64_t> loads;
  size_t at = 0;
  for (int n = 0; n < 16 && at < code.size(); ++n) {
    ZydisDecodedInstruction instruction;
    std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.data() + at,
                                             code.size() - at, &instruction,
                                             operands.data()))) {
      return std::nullopt;
    }
    for (int i = 0; i < instruction.operand_count_visible; ++i) {
      const auto& operand = operands[i];
      uint64_t target = 0;
      if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.size != 64 ||
          instruction.mnemonic == ZYDIS_MNEMONIC_LEA ||
          operand.mem.base != ZYDIS_REGISTER_RIP ||
          !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction, &operand,
                                                 address + at, &target))) {
        continue;
      }
      if (loads.contains(target - 8)) return target - 8;
      if (loads.contains(target + 8)) return target;
      loads.insert(target);
    }
    at += instruction.length;
  }
  return std::nullopt;
}

AllocatorTables FindAllocatorTables(const ElfFile& elf) {
  static constexpr std::array<std::string_view, 4> kNames = {
      "_PyObject", "_PyMem_Raw", "PyObject_Malloc", "PyMem_RawMalloc"};
  const auto symbols = elf.FindSymbols(kNames);
  AllocatorTables tables;
  if (const auto it = symbols.find("_PyObject");
      it != symbols.end() && it->second.size == sizeof(AllocatorEx)) {
    tables.object = it->second.address;
  } else if (const auto f = symbols.find("PyObject_Malloc");
             f != symbols.end()) {
    tables.object = TableOf(elf, f->second);
  }
  if (const auto it = symbols.find("_PyMem_Raw");
      it != symbols.end() && it->second.size == sizeof(AllocatorEx)) {
    tables.raw = it->second.address;
  } else if (const auto f = symbols.find("PyMem_RawMalloc");
             f != symbols.end()) {
    tables.raw = TableOf(elf, f->second);
  }
  return tables;
}

namespace {

// One domain's table without what wraps it: the debug hooks, and hooks such as
// tracemalloc's and those of profilers, whose context is the table they call.
struct Base {
  AllocatorEx table;
  bool debug = false;
};

std::optional<Base> Unwrap(const core::MemorySource& memory, uint64_t address) {
  constexpr int kMostHooks = 4;
  Base base;
  auto table = ReadValue<AllocatorEx>(memory, address);
  for (int hooks = 0; table && table->context != 0; ++hooks) {
    if (hooks == kMostHooks) return std::nullopt;
    const auto head = ReadWord(memory, table->context);
    if (!head) return std::nullopt;
    // The debug hooks' context starts with an id byte where a table would have
    // a context pointer, which is NULL or aligned.
    const bool debug = IsDebugId(*head) && (*head & 7) != 0;
    base.debug = base.debug || debug;
    table = ReadValue<AllocatorEx>(
        memory, table->context + (debug ? kDebugInnerTable : 0));
  }
  if (!table || table->malloc == 0 || table->free == 0) return std::nullopt;
  base.table = *table;
  return base;
}

std::string NameOf(const Base& object, const Base& raw,
                   const KnownAllocators& known) {
  if (object.table.malloc == raw.table.malloc) return "malloc";
  if (known.object_malloc == 0) return "pymalloc";  // not malloc's: the default
  if (object.table.malloc == known.object_malloc) return "pymalloc";
  const bool built_in = object.table.malloc >= known.code_begin &&
                        object.table.malloc < known.code_end;
  // The only other allocator inside an interpreter (PYTHONMALLOC=mimalloc).
  return built_in ? "mimalloc" : "other";
}

}  // namespace

std::string ReadAllocator(const core::MemorySource& memory,
                          const AllocatorTables& tables,
                          const KnownAllocators& known) {
  if (tables.object == 0 || tables.raw == 0) return "unknown";
  const auto object = Unwrap(memory, tables.object);
  const auto raw = Unwrap(memory, tables.raw);
  if (!object || !raw) return "unknown";
  return NameOf(*object, *raw, known) + (object->debug ? "_debug" : "");
}

std::string HeapRefusal(std::string_view allocator, std::string_view native) {
  const auto is = [allocator](std::string_view prefix) {
    return allocator.substr(0, prefix.size()) == prefix;
  };
  if (is("malloc") && native != "glibc") {
    return absl::StrCat(
        "its objects are malloc's (PYTHONMALLOC), and malloc is ",
        std::string(native), ", not glibc's");
  }
  if (is("mimalloc")) {
    return "its objects are mimalloc's (PYTHONMALLOC), not pymalloc's";
  }
  if (is("other")) {
    return "its objects are those of another allocator than CPython's own "
           "(PyMem_SetAllocator)";
  }
  return "";
}

}  // namespace plimsoll::python
