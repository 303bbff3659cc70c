// Tier 5: a thread at a hit in native code, before and after unwinding. Plain
// values.
#ifndef PLIMSOLL_AGENT_CORE_NATIVE_STACK_H_
#define PLIMSOLL_AGENT_CORE_NATIVE_STACK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/stack_profile.h"

namespace plimsoll::core {

// x86-64 registers by their DWARF numbers (System V psABI, figure 3.36): rax
// rdx rcx rbx rsi rdi rbp rsp r8-r15, and the instruction pointer as 16.
inline constexpr size_t kNativeRegisters = 17;
inline constexpr size_t kStackPointer = 7;
inline constexpr size_t kInstructionPointer = 16;

// The most of a stack that a snapshot carries.
inline constexpr size_t kMostStackBytes = 16384;

struct NativeSnapshot {
  int64_t time_ns = 0;   // CLOCK_MONOTONIC
  uint64_t address = 0;  // that faulted, or was written
  uint64_t fs_base = 0;  // of the thread
  std::array<uint64_t, kNativeRegisters> registers = {};
  std::string stack;  // memory from the stack pointer upwards
  int32_t tid = 0;
  bool in_kernel = false;  // in a system call; registers are those at its entry
  uint32_t python_stack = 0;  // index beside; 0: no Python stack
};

// Why an unwinding ended where it did.
enum class UnwindEnd : uint8_t {
  kComplete = 0,      // the thread's first frame was reached
  kStackCopyEnd = 1,  // the next frame lies above the copy
  kNoUnwindInfo = 2,  // no .eh_frame covers the last frame's address
  kTooDeep = 3,
  kFailed = 4,  // a file could not be read, or its tables make no sense
};

// What a page that was touched belongs to.
enum class PageOwner : uint8_t {
  kNotKnown = 0,
  kPymalloc = 1,  // a pool's header stands at its pool's start
  kOther = 2,
};

struct NativeStack {
  // Innermost first, native ones only. module is the file's base name. function
  // is a name whose symbol covers the address, demangled; where none does,
  // "near NAME" by the symbol before it, or "" in a file without symbols. file
  // and line are there only where the file carries line tables.
  std::vector<Frame> frames;
  UnwindEnd end = UnwindEnd::kComplete;
  PageOwner page = PageOwner::kNotKnown;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_NATIVE_STACK_H_
