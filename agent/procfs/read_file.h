// Reads small kernel files whole. Any thread; errors carry the path and the
// cause: kNotFound the process or file is gone, kPermissionDenied.
#ifndef PLIMSOLL_AGENT_PROCFS_READ_FILE_H_
#define PLIMSOLL_AGENT_PROCFS_READ_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace plimsoll::procfs {

inline constexpr size_t kSmallFileBytes = 64 << 10;

// kResourceExhausted when the file is longer than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     size_t max_bytes = kSmallFileBytes);

// The same of `path` as the process sees it whose root directory is `root`.
absl::StatusOr<std::string> ReadFileInRoot(const std::string& root,
                                           const std::string& path,
                                           size_t max_bytes = kSmallFileBytes);

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_READ_FILE_H_
