#include "agent/bpf/native_record.h"

#include <algorithm>
#include <array>

namespace plimsoll::bpf {
namespace {

// Where struct pt_regs has the register of each DWARF number.
constexpr std::array<uint8_t, core::kNativeRegisters> kPlaceInPtRegs = {
    10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16};

}  // namespace

static_assert(core::kMostStackBytes == PLIMSOLL_NATIVE_STACK_BYTES);

core::NativeSnapshot SnapshotOf(const plimsoll_native_hit& record) {
  core::NativeSnapshot snapshot;
  snapshot.time_ns = static_cast<int64_t>(record.time_ns);
  snapshot.address = record.address;
  snapshot.fs_base = record.fs_base;
  snapshot.tid = static_cast<int32_t>(record.tid);
  snapshot.in_kernel = record.in_kernel != 0;
  for (size_t i = 0; i < core::kNativeRegisters; ++i) {
    snapshot.registers[i] = record.registers[kPlaceInPtRegs[i]];
  }
  const size_t bytes =
      std::min<size_t>(record.stack_bytes, PLIMSOLL_NATIVE_STACK_BYTES);
  snapshot.stack.assign(reinterpret_cast<const char*>(record.stack), bytes);
  return snapshot;
}

}  // namespace plimsoll::bpf
