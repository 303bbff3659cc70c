#include "agent/python/prologue.h"

#include <Zydis/Zydis.h>

#include <array>
#include <optional>

namespace plimsoll::python {
namespace {

constexpr int kMaxPrologueInstructions = 12;
constexpr int kMaxBodyInstructions = 8192;

struct Decoded {
  ZydisDecodedInstruction instruction;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
};

class Decoder {
 public:
  Decoder() {
    valid_ = ZYAN_SUCCESS(ZydisDecoderInit(
        &decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));
  }
  std::optional<Decoded> Decode(std::span<const uint8_t> code) const {
    Decoded d;
    if (!valid_ || code.empty() ||
        !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, code.data(),
                                             code.size(), &d.instruction,
                                             d.operands.data()))) {
      return std::nullopt;
    }
    return d;
  }

 private:
  ZydisDecoder decoder_;
  bool valid_ = false;
};

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

bool Branches(const ZydisDecodedInstruction& i) {
  switch (i.meta.category) {
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

bool WritesArgument(const Decoded& d, int arguments) {
  static constexpr std::array<ZydisRegister, 6> kArguments = {
      ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDX,
      ZYDIS_REGISTER_RCX, ZYDIS_REGISTER_R8,  ZYDIS_REGISTER_R9};
  for (int i = 0; i < d.instruction.operand_count; ++i) {
    const ZydisDecodedOperand& o = d.operands[i];
    if (o.type != ZYDIS_OPERAND_TYPE_REGISTER ||
        (o.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) {
      continue;
    }
    const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(
        ZYDIS_MACHINE_MODE_LONG_64, o.reg.value);
    for (int a = 0; a < arguments && a < 6; ++a) {
      if (whole == kArguments[a]) return true;
    }
  }
  return false;
}

// Whether a direct jump in the body lands in (0, last].
bool JumpsInto(const Decoder& decoder, std::span<const uint8_t> code,
               size_t last) {
  size_t at = 0;
  for (int n = 0; n < kMaxBodyInstructions && at < code.size(); ++n) {
    const auto d = decoder.Decode(code.subspan(at));
    if (!d) return false;  // data after the code
    const ZydisDecodedOperand& o = d->operands[0];
    if (d->instruction.operand_count > 0 && Branches(d->instruction) &&
        o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && o.imm.is_relative) {
      const int64_t target =
          static_cast<int64_t>(at) + d->instruction.length + o.imm.value.s;
      if (target > 0 && target <= static_cast<int64_t>(last)) return true;
    }
    at += d->instruction.length;
  }
  return false;
}

}  // namespace

bool IsEmulatedByKernel(std::span<const uint8_t> code) {
  const Decoder decoder;
  const auto d = decoder.Decode(code);
  return d && IsEmulated(d->instruction, code);
}

ProbeSite ChooseProbeSite(std::span<const uint8_t> code, int arguments) {
  const Decoder decoder;
  size_t at = 0;
  for (int n = 0; n < kMaxPrologueInstructions && at < code.size(); ++n) {
    const auto d = decoder.Decode(code.subspan(at));
    if (!d) break;
    if (IsEmulated(d->instruction, code.subspan(at))) {
      if (at > 0 && JumpsInto(decoder, code, at)) break;
      return {.offset = at, .cost = core::ProbeCost::kEmulated};
    }
    if (Branches(d->instruction) || WritesArgument(*d, arguments)) break;
    at += d->instruction.length;
  }
  return {};
}

}  // namespace plimsoll::python
