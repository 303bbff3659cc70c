#include "agent/python/prologue.h"

#include <array>

#include "agent/python/disassembler.h"

namespace plimsoll::python {
namespace {

constexpr int kMaxPrologueInstructions = 12;
constexpr int kMaxBodyInstructions = 8192;

bool HasOperandSizePrefix(const ZydisDecodedInstruction& i) {
  for (int n = 0; n < i.raw.prefix_count; ++n) {
    if (i.raw.prefixes[n].value == 0x66) return true;
  }
  return false;
}

bool IsEmulated(const ZydisDecodedInstruction& i,
                std::span<const uint8_t> code) {
  const uint8_t opcode = i.opcode;
  if (i.opcode_map == ZYDIS_OPCODE_MAP_0F) {
    return opcode >= 0x80 && opcode <= 0x8f && !HasOperandSizePrefix(i);
  }
  if (i.opcode_map != ZYDIS_OPCODE_MAP_DEFAULT) return false;
  if (opcode == 0x90) return i.length == 1;
  if (opcode == 0xe8 || opcode == 0xe9 || opcode == 0xeb ||
      (opcode >= 0x70 && opcode <= 0x7f)) {
    return !HasOperandSizePrefix(i);
  }
  if (opcode >= 0x50 && opcode <= 0x57) {
    return i.length == 1 || (i.length == 2 && code[0] == 0x41);
  }
  return false;
}

bool WritesArgument(const Instruction& instruction, int arguments) {
  static constexpr std::array<ZydisRegister, 6> kArguments = {
      ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDX,
      ZYDIS_REGISTER_RCX, ZYDIS_REGISTER_R8,  ZYDIS_REGISTER_R9};
  for (int a = 0; a < arguments && a < 6; ++a) {
    if (Writes(instruction, kArguments[a])) return true;
  }
  return false;
}

// Whether a direct jump in the body lands in (0, last].
bool JumpsInto(const Disassembler& disassembler, std::span<const uint8_t> code,
               size_t last) {
  size_t at = 0;
  for (int n = 0; n < kMaxBodyInstructions && at < code.size(); ++n) {
    const auto instruction = disassembler.Decode(code.subspan(at));
    if (!instruction) return false;  // data after the code
    const auto target = DirectTarget(*instruction, at);
    if (target && *target > 0 && *target <= last) return true;
    at += instruction->info.length;
  }
  return false;
}

}  // namespace

bool IsEmulatedByKernel(std::span<const uint8_t> code) {
  const auto instruction = Disassembler().Decode(code);
  return instruction && IsEmulated(instruction->info, code);
}

ProbeSite ChooseProbeSite(std::span<const uint8_t> code, int arguments) {
  const Disassembler disassembler;
  size_t at = 0;
  for (int n = 0; n < kMaxPrologueInstructions && at < code.size(); ++n) {
    const auto instruction = disassembler.Decode(code.subspan(at));
    if (!instruction) break;
    if (IsEmulated(instruction->info, code.subspan(at))) {
      if (at > 0 && JumpsInto(disassembler, code, at)) break;
      return {.offset = at, .cost = core::ProbeCost::kEmulated};
    }
    if (Branches(*instruction) || WritesArgument(*instruction, arguments))
      break;
    at += instruction->info.length;
  }
  return {};
}

}  // namespace plimsoll::python
