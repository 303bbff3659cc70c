#include "agent/python/disassembler.h"

namespace plimsoll::python {

Disassembler::Disassembler()
    : valid_(ZYAN_SUCCESS(ZydisDecoderInit(
          &decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64))) {}

std::optional<Instruction> Disassembler::Decode(
    std::span<const uint8_t> code) const {
  Instruction i;
  if (!valid_ || code.empty() ||
      !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, code.data(), code.size(),
                                           &i.info, i.operands.data()))) {
    return std::nullopt;
  }
  return i;
}

bool Branches(const Instruction& instruction) {
  switch (instruction.info.meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_INTERRUPT:
      return true;
    default:
      return false;
  }
}

bool IsCall(const Instruction& instruction) {
  return instruction.info.meta.category == ZYDIS_CATEGORY_CALL;
}

std::optional<uint64_t> DirectTarget(const Instruction& instruction,
                                     uint64_t address) {
  const ZydisDecodedOperand& o = instruction.operands[0];
  if (instruction.info.operand_count == 0 || !Branches(instruction) ||
      o.type != ZYDIS_OPERAND_TYPE_IMMEDIATE || !o.imm.is_relative) {
    return std::nullopt;
  }
  return address + instruction.info.length +
         static_cast<uint64_t>(o.imm.value.s);
}

bool Mentions(const Instruction& instruction, uint64_t address,
              uint64_t wanted) {
  for (int i = 0; i < instruction.info.operand_count_visible; ++i) {
    const ZydisDecodedOperand& o = instruction.operands[i];
    uint64_t target = 0;
    if (o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && !o.imm.is_relative) {
      target = o.imm.value.u;
    } else if (o.type == ZYDIS_OPERAND_TYPE_MEMORY &&
               o.mem.base == ZYDIS_REGISTER_RIP) {
      target = address + instruction.info.length +
               static_cast<uint64_t>(o.mem.disp.value);
    } else if (o.type == ZYDIS_OPERAND_TYPE_MEMORY &&
               o.mem.base == ZYDIS_REGISTER_NONE &&
               o.mem.disp.has_displacement) {
      target = static_cast<uint64_t>(o.mem.disp.value);
    } else {
      continue;
    }
    if (target == wanted) return true;
  }
  return false;
}

bool Writes(const Instruction& instruction, ZydisRegister whole) {
  for (int i = 0; i < instruction.info.operand_count; ++i) {
    const ZydisDecodedOperand& o = instruction.operands[i];
    if (o.type == ZYDIS_OPERAND_TYPE_REGISTER &&
        (o.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 &&
        ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64,
                                         o.reg.value) == whole) {
      return true;
    }
  }
  return false;
}

}  // namespace plimsoll::python
