// Tiers 1, 4 and 5: counts by stack. Plain values.
#ifndef PLIMSOLL_AGENT_CORE_STACK_PROFILE_H_
#define PLIMSOLL_AGENT_CORE_STACK_PROFILE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/heap_census.h"
#include "agent/core/python_layout.h"

namespace plimsoll::core {

// A frame as BPF sees it: an address of a code object and of an instruction
// (or, up to 3.10, the f_lasti index). Only the target's memory can name it.
struct RawFrame {
  uint64_t code_address = 0;
  uint64_t instruction = 0;
  friend bool operator==(const RawFrame&, const RawFrame&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const RawFrame& f) {
    return H::combine(std::move(h), f.code_address, f.instruction);
  }
};

struct Frame {
  std::string function;  // qualified name where the version has one
  std::string file;
  int32_t line = 0;
  std::string module;
  bool native = false;
  friend bool operator==(const Frame&, const Frame&) = default;
};

struct RawStack {
  std::vector<RawFrame> frames;  // innermost first
  bool truncated = false;
};

struct Stack {
  std::vector<Frame> frames;  // innermost first
  bool truncated = false;
};

// One row of the kernel's counts.
struct StackCount {
  uint32_t stack_index = 0;
  ProbeKind probe = ProbeKind::kObjectMalloc;
  uint64_t type_address = 0;  // 0: not known at this probe
  std::string type;           // named by the census, "" when not known
  int32_t block_bytes = 0;    // size class; 0: not known or past 512
  int64_t allocations = 0;
  int64_t frees = 0;
  int64_t allocated_bytes = 0;
  int64_t freed_bytes = 0;
  // Births: what the samples in `allocations` stand for. 0: not known.
  int64_t surviving_objects = 0;
  int64_t surviving_bytes = 0;
  double weight = 0;  // surviving objects per sample
};

// Probes beside the census for one size class over one window.
struct SizeClassBalance {
  int32_t block_bytes = 0;
  int64_t allocations = 0;
  int64_t frees = 0;
  int64_t census_change = 0;
};

// The values equal plimsoll.v1.StackProfile.Kind.
enum class ProfileKind : uint8_t {
  kWindow = 1,
  kBirth = 2,
  kPage = 3,
  kGc = 4,
  kStore = 5,
  kNative = 6,
};

struct StackProfile {
  ProfileKind kind = ProfileKind::kWindow;
  int64_t begin_boottime_ns = 0;
  int64_t end_boottime_ns = 0;
  std::vector<Stack> stacks;
  std::vector<StackCount> counts;
  Coverage coverage;
  std::vector<SizeClassBalance> balance;
  bool net_counts_refused = false;
  std::string refusal;
  uint64_t command_id = 0;
  double hits_per_second = 0;
  double cost_ns_per_hit = 0;
  double target_cpu_share = 0;
  double slowed_share = 0;  // of births: lost while a watchpoint stood
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_STACK_PROFILE_H_
