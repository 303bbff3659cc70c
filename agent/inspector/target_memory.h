// Memory of a live process by process_vm_readv: no stop, no ptrace attach, and
// nothing written. Needs the right to ptrace the process (same user, or
// CAP_SYS_PTRACE).
//
// A Read that meets an unmapped or protected page returns the bytes before it.
// last_errno() tells why the last Read that returned 0 did: ESRCH the process
// is gone, EPERM, EFAULT nothing is there.
//
// One owner, one thread.
#ifndef PLIMSOLL_AGENT_INSPECTOR_TARGET_MEMORY_H_
#define PLIMSOLL_AGENT_INSPECTOR_TARGET_MEMORY_H_

#include <cstdint>
#include <span>

#include "agent/core/ports.h"

namespace plimsoll::inspector {

class TargetMemory final : public core::MemorySource {
 public:
  explicit TargetMemory(int32_t pid) : pid_(pid) {}
  size_t Read(uint64_t address, std::span<std::byte> out) const override;
  // One system call for every kMostAtOnce addresses.
  size_t ReadEach(std::span<const uint64_t> addresses, size_t bytes,
                  std::span<std::byte> out) const override;
  int last_errno() const { return last_errno_; }

 private:
  static constexpr size_t kMostAtOnce = 256;  // of the kernel's IOV_MAX 1024
  const int32_t pid_;
  mutable int last_errno_ = 0;
};

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_TARGET_MEMORY_H_
