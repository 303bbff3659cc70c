// Chooses the instruction of a function's first few at which a uprobe costs
// least.
//
// The kernel emulates some instructions under a uprobe and single-steps all
// others out of line, at 2 to 35 times the cost. Which: branch_setup_xol_ops
// and push_setup_xol_ops in arch/x86/kernel/uprobes.c (relative jmp, jcc and
// call, one-byte nop, push of a general register). Multi-byte nops are emulated
// by new kernels only and do not count here.
//
// An instruction further in is as good as the entry when every call passes it
// exactly once with its arguments still in their registers: nothing before it
// branches or writes an argument register, and nothing jumps in between.
//
// Pure; any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_PROLOGUE_H_
#define PLIMSOLL_AGENT_PYTHON_PROLOGUE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/core/python_layout.h"

namespace plimsoll::python {

struct ProbeSite {
  size_t offset = 0;  // bytes from the entry
  core::ProbeCost cost = core::ProbeCost::kSingleStepped;
};

// Whether the kernel emulates the instruction at code[0].
bool IsEmulatedByKernel(std::span<const uint8_t> code);

// `code` is the function's whole body, as far as it is known; `arguments` says
// how many of the first six argument registers must be intact.
ProbeSite ChooseProbeSite(std::span<const uint8_t> code, int arguments);

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_PROLOGUE_H_
