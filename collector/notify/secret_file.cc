#include "collector/notify/secret_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

namespace plimsoll::collector::notify {
namespace {

constexpr size_t kMostBytes = 4096;

}  // namespace

absl::StatusOr<std::string> ReadSecret(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  if (!file) return absl::ErrnoToStatus(errno ? errno : EIO, "read " + path);
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  if (text.size() > kMostBytes) {
    return absl::InvalidArgumentError(path + ": too long for a key");
  }
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) {
    return absl::InvalidArgumentError(path + ": the file is empty");
  }
  text = text.substr(begin, text.find_first_of("\r\n", begin) - begin);
  text.erase(text.find_last_not_of(" \t") + 1);
  const bool plain = std::all_of(text.begin(), text.end(),
                                 [](char c) { return c > ' ' && c < 127; });
  if (!plain) {
    return absl::InvalidArgumentError(
        path + ": a key has no blanks and only ASCII characters");
  }
  return text;
}

bool IsReadableByAll(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
}

}  // namespace plimsoll::collector::notify
