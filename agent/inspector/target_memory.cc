#include "agent/inspector/target_memory.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
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

size_t TargetMemory::ReadEach(std::span<const uint64_t> addresses, size_t bytes,
                              std::span<std::byte> out) const {
  if (bytes == 0) return 0;
  size_t done = 0;
  std::array<iovec, kMostAtOnce> remote;
  while (done < addresses.size()) {
    const size_t count = std::min(addresses.size() - done, kMostAtOnce);
    for (size_t i = 0; i < count; ++i) {
      remote[i] = {reinterpret_cast<void*>(addresses[done + i]), bytes};
    }
    const iovec local{out.data() + done * bytes, count * bytes};
    const ssize_t read =
        process_vm_readv(pid_, &local, 1, remote.data(), count, 0);
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) {
      last_errno_ = errno;
      return done;
    }
    done += static_cast<size_t>(read) / bytes;
    if (static_cast<size_t>(read) != count * bytes) return done;
  }
  return done;
}

}  // namespace plimsoll::inspector
