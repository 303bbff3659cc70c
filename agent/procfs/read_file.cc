#include "agent/procfs/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "plimsoll/base/open_in_root.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::procfs {

namespace {

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path,
                                    size_t max_bytes) {
  std::string text;
  size_t length = 0;
  for (;;) {
    // Most files of /proc fit the first page; only maps of large processes
    // take more, and then the steps grow.
    size_t step = std::max<size_t>(4096, length);
    text.resize(length + step);
    ssize_t got = ::read(fd, text.data() + length, step);
    if (got < 0) {
      if (errno == EINTR) continue;
      return absl::ErrnoToStatus(errno, "read " + path);
    }
    length += static_cast<size_t>(got);
    if (length > max_bytes) {
      return absl::ResourceExhaustedError("read " + path + ": longer than " +
                                          std::to_string(max_bytes) + " bytes");
    }
    if (got == 0) break;
  }
  text.resize(length);
  return text;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     size_t max_bytes) {
  UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "open " + path);
  return ReadAll(fd.get(), path, max_bytes);
}

absl::StatusOr<std::string> ReadFileInRoot(const std::string& root,
                                           const std::string& path,
                                           size_t max_bytes) {
  PLIMSOLL_ASSIGN_OR_RETURN(UniqueFd fd, OpenInRoot(root, path));
  return ReadAll(fd.get(), root + path, max_bytes);
}

}  // namespace plimsoll::procfs
