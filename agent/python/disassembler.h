// Disassembler: x86-64 instructions by Zydis, with the few questions that
// finding and probing functions asks of them.
//
// Pure; any thread may use one. Code is untrusted: what does not decode gives
// nothing.
#ifndef PLIMSOLL_AGENT_PYTHON_DISASSEMBLER_H_
#define PLIMSOLL_AGENT_PYTHON_DISASSEMBLER_H_

#include <Zydis/Zydis.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace plimsoll::python {

struct Instruction {
  ZydisDecodedInstruction info;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
};

class Disassembler {
 public:
  Disassembler();
  // The instruction at code[0].
  std::optional<Instruction> Decode(std::span<const uint8_t> code) const;

 private:
  ZydisDecoder decoder_;
  bool valid_;
};

// Whether the instruction may go on elsewhere than at the next one.
bool Branches(const Instruction& instruction);
bool IsCall(const Instruction& instruction);

// Where a direct call or jump at `address` leads.
std::optional<uint64_t> DirectTarget(const Instruction& instruction,
                                     uint64_t address);

// Whether the instruction at `address` names `wanted`: as an address relative
// to the program counter, as an absolute one, or as an immediate value.
bool Mentions(const Instruction& instruction, uint64_t address,
              uint64_t wanted);

// Whether it writes the 64-bit register or a part of it.
bool Writes(const Instruction& instruction, ZydisRegister whole);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_DISASSEMBLER_H_
