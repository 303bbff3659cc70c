#include "agent/inspector/start_ticks.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>

#include "absl/strings/str_cat.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::inspector {

std::optional<uint64_t> ParseStartTicks(std::string_view stat) {
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos) return std::nullopt;
  std::string_view rest = stat.substr(name_end + 2);  // at field 3
  for (int field = 3; field < 22; ++field) {
    const size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(blank + 1);
  }
  uint64_t ticks = 0;
  const auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), ticks);
  if (error != std::errc() || end == rest.data()) return std::nullopt;
  return ticks;
}

absl::StatusOr<uint64_t> ReadStartTicks(std::string_view proc_root,
                                        int32_t pid) {
  const std::string path =
      absl::StrCat(std::string(proc_root), "/", pid, "/stat");
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t read =
      file.valid() ? ::read(file.get(), text, sizeof(text)) : -1;
  if (read < 0) {
    if (errno == ENOENT || errno == ESRCH) {
      return absl::NotFoundError(absl::StrCat("no process ", pid));
    }
    return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
  }
  const auto ticks = ParseStartTicks({text, static_cast<size_t>(read)});
  if (!ticks) return absl::InternalError(absl::StrCat("cannot parse ", path));
  return *ticks;
}

}  // namespace plimsoll::inspector
