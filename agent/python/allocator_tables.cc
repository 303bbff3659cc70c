#include "agent/python/allocator_tables.h"

#include <Zydis/Zydis.h>

#include <array>
#include <set>

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

std::string ReadAllocator(const core::MemorySource& memory,
                          const AllocatorTables& tables) {
  if (tables.object == 0 || tables.raw == 0) return "unknown";
  auto object = ReadValue<AllocatorEx>(memory, tables.object);
  auto raw = ReadValue<AllocatorEx>(memory, tables.raw);
  if (!object || !raw) return "unknown";
  // tracemalloc wraps the tables too; below it is the one that matters.
  const auto unwrap =
      [&memory](AllocatorEx table) -> std::optional<AllocatorEx> {
    if (table.context == 0) return table;
    return ReadValue<AllocatorEx>(memory, table.context);
  };
  if (object->context != 0) {
    const auto head = ReadWord(memory, object->context);
    const auto wrapped =
        ReadValue<AllocatorEx>(memory, object->context + kDebugInnerTable);
    // The debug hooks' context starts with an id byte where a table would have
    // a context pointer, which is NULL or aligned.
    if (head && IsDebugId(*head) && (*head & 7) != 0 && wrapped &&
        wrapped->malloc != 0) {
      return "debug";
    }
    object = unwrap(*object);
    if (object && object->context != 0) {
      const auto inner = ReadWord(memory, object->context);
      return inner && IsDebugId(*inner) && (*inner & 7) != 0 ? "debug"
                                                             : "unknown";
    }
  }
  raw = unwrap(*raw);
  if (!object || !raw || object->malloc == 0 || raw->malloc == 0 ||
      object->free == 0) {
    return "unknown";
  }
  return object->malloc == raw->malloc ? "malloc" : "pymalloc";
}

}  // namespace plimsoll::python
