#include "agent/inspector/target_memory.h"

#include <sys/uio.h>

#include <cerrno>

namespace plimsoll::inspector {

size_t TargetMemory::Read(uint64_t address, std::span<std::byte> out) const {
  if (out.empty()) return 0;
  const iovec local{out.data(), out.size()};
  const iovec remote{reinterpret_cast<void*>(address), out.size()};
  ssize_t read;
  do {
    read = process_vm_readv(pid_, &local, 1, &remote, 1, 0);
  } while (read < 0 && errno == EINTR);
  if (read < 0) {
    last_errno_ = errno;
    return 0;
  }
  return static_cast<size_t>(read);
}

}  // namespace plimsoll::inspector
