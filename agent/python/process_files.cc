#include "agent/python/process_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "agent/python/abseil_text.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::python {
namespace {

constexpr size_t kMaxMapsBytes = 32 << 20;
constexpr size_t kMaxMappings = 65536;
constexpr size_t kMaxEnvironBytes = 2 << 20;
constexpr size_t kMaxPathBytes = 4096;

absl::Status OpenError(const std::string& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("open ", path));
}

// Whole file, at most `max_bytes` of it.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          size_t max_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return OpenError(path, errno);
  std::string text;
  char buffer[16384];
  while (text.size() < max_bytes) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
    if (n == 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

// Takes a number in `base` off the front, and the separator after it.
std::optional<uint64_t> TakeNumber(std::string_view& rest, int base,
                                   char separator) {
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  if (error != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  if (rest.empty() || rest.front() != separator) return std::nullopt;
  rest.remove_prefix(1);
  return value;
}

// "55d0-55d1 r-xp 00001000 fe:01 1234      /usr/bin/python3"
std::optional<core::Mapping> ParseMapsLine(std::string_view line) {
  core::Mapping m;
  const auto start = TakeNumber(line, 16, '-');
  const auto end = start ? TakeNumber(line, 16, ' ') : std::nullopt;
  if (!end || *end <= *start || line.size() < 5 || line[4] != ' ') {
    return std::nullopt;
  }
  m.start = *start;
  m.end = *end;
  m.readable = line[0] == 'r';
  m.writable = line[1] == 'w';
  m.executable = line[2] == 'x';
  m.shared = line[3] == 's';
  line.remove_prefix(5);
  const auto offset = TakeNumber(line, 16, ' ');
  const auto major = offset ? TakeNumber(line, 16, ':') : std::nullopt;
  const auto minor = major ? TakeNumber(line, 16, ' ') : std::nullopt;
  // An anonymous mapping's line may end after the inode.
  const std::string padded = absl::StrCat(ToAbsl(line), " ");
  std::string_view rest = padded;
  const auto inode = minor ? TakeNumber(rest, 10, ' ') : std::nullopt;
  if (!inode) return std::nullopt;
  m.file_offset = *offset;
  m.device =
      makedev(static_cast<unsigned>(*major), static_cast<unsigned>(*minor));
  m.inode = *inode;
  const size_t path = rest.find_first_not_of(' ');
  if (path != std::string_view::npos) {
    rest.remove_prefix(path);
    rest.remove_suffix(1);  // the padding
    m.path = std::string(rest.substr(0, kMaxPathBytes));
  }
  return m;
}

// Never blocks on a FIFO nor follows a symbolic link in the last component
// unless the kernel made it (map_files).
absl::StatusOr<OpenedFile> OpenRegular(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags));
  if (!fd.valid()) return OpenError(path, errno);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("stat ", path));
  }
  if (!S_ISREG(st.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a regular file"));
  }
  OpenedFile opened;
  opened.open_path = path;
  opened.device = st.st_dev;
  opened.inode = st.st_ino;
  opened.mtime_ns =
      int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec;
  opened.bytes = std::make_shared<FileByteSource>(
      std::move(fd), static_cast<uint64_t>(st.st_size));
  return opened;
}

}  // namespace

std::vector<core::Mapping> ParseMaps(std::string_view text) {
  std::vector<core::Mapping> mappings;
  for (size_t at = 0; at < text.size() && mappings.size() < kMaxMappings;) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (auto m = ParseMapsLine(text.substr(at, end - at))) {
      mappings.push_back(*std::move(m));
    }
    at = end + 1;
  }
  return mappings;
}

ProcProcessFiles::ProcProcessFiles(std::string_view proc_root, int32_t pid)
    : directory_(std::string(proc_root) + "/" + std::to_string(pid)) {}

absl::StatusOr<std::vector<core::Mapping>> ProcProcessFiles::ReadMappings()
    const {
  auto text = ReadSmallFile(directory_ + "/maps", kMaxMapsBytes);
  if (!text.ok()) {
    // A process that ends while being read gives ESRCH.
    return text.status().raw_code() == ESRCH
               ? absl::NotFoundError("the process is gone")
               : text.status();
  }
  return ParseMaps(*text);
}

absl::StatusOr<OpenedFile> ProcProcessFiles::OpenMapped(
    const core::Mapping& mapping) const {
  // map_files leads to the very file that is mapped, whatever happened to its
  // path; it needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN.
  auto opened =
      OpenRegular(directory_ + absl::StrFormat("/map_files/%x-%x",
                                               mapping.start, mapping.end),
                  0);
  if (opened.ok()) return opened;
  if (mapping.path.empty() || mapping.path.front() != '/') return opened;
  return OpenRegular(directory_ + "/root" + mapping.path, O_NOFOLLOW);
}

std::string ProcProcessFiles::ReadEnvironmentVariable(
    std::string_view name) const {
  const auto text = ReadSmallFile(directory_ + "/environ", kMaxEnvironBytes);
  if (!text.ok()) return "";
  std::string_view rest = *text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\0'), rest.size());
    const std::string_view entry = rest.substr(0, end);
    if (entry.size() > name.size() && entry[name.size()] == '=' &&
        entry.substr(0, name.size()) == name) {
      return std::string(entry.substr(name.size() + 1, 256));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return "";
}

std::vector<std::string> ProcProcessFiles::ReadArguments() const {
  const auto text = ReadSmallFile(directory_ + "/cmdline", 65536);
  if (!text.ok()) return {};
  return absl::StrSplit(*text, '\0');
}

}  // namespace plimsoll::python
