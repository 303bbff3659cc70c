// Opens a path as a process in another root sees it: links, absolute ones too,
// are resolved below `root` (such as /proc/PID/root), so that a container can
// neither lead us out of itself nor be misread. Needs openat2 (Linux 5.6).
#ifndef PLIMSOLL_BASE_OPEN_IN_ROOT_H_
#define PLIMSOLL_BASE_OPEN_IN_ROOT_H_

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll {

// For reading, without waiting for a FIFO's other end; O_PATH as `mode` names
// what is there without opening it, such as a socket.
inline absl::StatusOr<UniqueFd> OpenInRoot(const std::string& root,
                                           const std::string& path,
                                           int mode = O_RDONLY) {
  UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return absl::ErrnoToStatus(errno, "open " + root);
  open_how how{};
  // openat2 takes no more than this beside O_PATH.
  how.flags = static_cast<uint64_t>(mode == O_PATH ? O_PATH | O_CLOEXEC
                                                   : mode | O_CLOEXEC |
                                                         O_NONBLOCK | O_NOCTTY);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  long fd =
      ::syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof(how));
  if (fd < 0) return absl::ErrnoToStatus(errno, "open " + root + path);
  return UniqueFd(static_cast<int>(fd));
}

}  // namespace plimsoll

#endif  // PLIMSOLL_BASE_OPEN_IN_ROOT_H_
