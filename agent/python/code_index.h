// CodeIndex: the code of one file, with what a stripped one still tells: which
// function calls which, and where an address is mentioned.
//
// Questions are answered by a pass over the bytes for what may be a match, and
// each match is decoded from its function's start before it counts, so that a
// chance pattern inside another instruction is none.
//
// Foreign bytes; at most kMostCodeBytes of code and kMostMatches per question.
// Holds a copy of the code for its lifetime: make one per analysis and drop it.
// Immutable; any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_CODE_INDEX_H_
#define PLIMSOLL_AGENT_PYTHON_CODE_INDEX_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/python/disassembler.h"
#include "agent/python/elf_file.h"
#include "agent/python/function_table.h"

namespace plimsoll::python {

struct Transfer {  // a direct call or jump
  uint64_t from = 0;
  uint64_t target = 0;
  bool is_call = false;
};

class CodeIndex {
 public:
  static constexpr uint64_t kMostCodeBytes = 64 << 20;
  static constexpr size_t kMostMatches = 4096;

  explicit CodeIndex(const ElfFile& elf);

  const FunctionTable& functions() const { return functions_; }
  std::span<const uint8_t> Code(const FunctionBounds& bounds) const;

  // Decodes a function from its start: `visit` returns false to stop. False
  // when the code did not decode to its end or to where `visit` stopped.
  using Visitor = std::function<bool(const Instruction&, uint64_t address)>;
  bool Visit(const FunctionBounds& function, const Visitor& visit) const;

  // Instructions that mention the address.
  std::vector<uint64_t> Mentions(uint64_t address) const;
  // Instructions that begin with these bytes.
  std::vector<uint64_t> InstructionsLike(std::string_view bytes) const;
  // Direct calls and jumps from outside of [begin, end) into it.
  std::vector<Transfer> TransfersInto(const FunctionBounds& range) const;
  // Whether code outside of `function` may jump into `range`. Every byte is
  // taken for an opcode and nothing is decoded, so that nothing is missed.
  bool MayBeEntered(const FunctionBounds& range,
                    const FunctionBounds& function) const;
  // Starts of the functions that this one, with its split parts, calls or
  // jumps to.
  std::set<uint64_t> Callees(const FunctionBounds& function) const;

  // The function that a part belongs to: itself when something calls its
  // start or nothing jumps into it; else the only one that jumps into it.
  // Nothing when several do.
  std::optional<FunctionBounds> HomeOf(const FunctionBounds& part) const;

 private:
  struct Block {
    uint64_t address = 0;
    std::string bytes;
  };
  // Calls `visit` for all bytes that may be a transfer into the range, until it
  // returns false.
  template <typename OnTransfer>
  void VisitPossibleTransfers(const FunctionBounds& range,
                              const OnTransfer& visit) const;
  // Whether the instruction at `address` is one of its function's and `wanted`
  // accepts it.
  bool Proven(uint64_t address, const Visitor& wanted) const;

  std::vector<Block> blocks_;
  bool fixed_address_;
  FunctionTable functions_;
  Disassembler disassembler_;
};

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_CODE_INDEX_H_
