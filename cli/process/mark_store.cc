#include "cli/process/mark_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr size_t kMaxEntries = 100000;            // of a directory, ours or not
constexpr std::string_view kTemporary = ".new-";  // and the pid of the writer
constexpr char kSubdirectory[] = "/plimsoll/marks";

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Of the directory of marks, never of a process: no kNotFound.
absl::Status Failed(int error, const std::string& what) {
  const std::string text = absl::StrCat(
      what, ": ", std::error_code(error, std::generic_category()).message());
  if (error == EACCES || error == EPERM || error == EROFS) {
    return absl::FailedPreconditionError(
        text + "; --dir names another directory for marks");
  }
  return absl::UnavailableError(text);
}

absl::Status MakeDirectories(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string upper = path.substr(0, end);
    if (::mkdir(upper.c_str(), 0700) != 0 && errno != EEXIST) {
      return Failed(errno, absl::StrCat("make ", upper));
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

absl::Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(errno, "write");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  if (::fsync(fd) != 0) return Failed(errno, "fsync");
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(int fd) {
  std::string text;
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return Failed(errno, "fstat");
  if (!S_ISREG(facts.st_mode)) return absl::DataLossError("not a file");
  if (facts.st_size > static_cast<off_t>(kMaxMarkBytes)) {
    return absl::DataLossError("too large for a mark");
  }
  text.resize(static_cast<size_t>(facts.st_size));
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::read(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(errno, "read");
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  text.resize(done);
  return text;
}

absl::Status At(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ",
                                   std::string(status.message().data(),
                                               status.message().size())));
}

absl::Status NoSuchMark(const std::string& name, int32_t pid) {
  return absl::OutOfRangeError(
      absl::StrCat("no mark \"", name, "\" of process ", pid,
                   "; \"plimsoll mark ", pid, " --list\" shows what there is"));
}

}  // namespace

std::string MarksDir(const std::string& given) {
  if (!given.empty()) return given;
  if (std::string state = Environment("XDG_STATE_HOME"); !state.empty()) {
    return state + kSubdirectory;
  }
  const std::string home = Environment("HOME");
  if (::geteuid() == 0 || home.empty()) {
    return std::string("/var/lib") + kSubdirectory;
  }
  return home + "/.local/state" + kSubdirectory;
}

absl::StatusOr<MarkStore> MarkStore::Open(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) {
    return absl::OutOfRangeError(
        absl::StrCat("no marks are kept in ", directory,
                     ": \"plimsoll mark PID NAME\" saves one"));
  }
  if (!fd.valid()) return Failed(errno, absl::StrCat("open ", directory));
  return MarkStore(directory, std::move(fd));
}

absl::StatusOr<MarkStore> MarkStore::Make(const std::string& directory) {
  PLIMSOLL_RETURN_IF_ERROR(MakeDirectories(directory));
  return Open(directory);
}

absl::Status MarkStore::Write(const Mark& mark) {
  const std::string text = MarkText(mark);
  if (text.size() > kMaxMarkBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the names of this process' types take ", text.size(),
                     " bytes; a mark has at most ", kMaxMarkBytes));
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const auto marks, List());
  if (marks.size() >= kMaxMarks) {
    return absl::ResourceExhaustedError(absl::StrCat(
        path_, " holds ", marks.size(),
        " marks, which is the most; \"plimsoll mark --prune\" removes those of "
        "processes that have ended"));
  }
  const std::string name = MarkFileName(mark.process, mark.name);
  const std::string temporary =
      absl::StrCat(std::string(kTemporary), ::getpid());
  ::unlinkat(directory_.get(), temporary.c_str(), 0);  // of a crash
  const UniqueFd fd(
      ::openat(directory_.get(), temporary.c_str(),
               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    return Failed(errno, absl::StrCat("write to ", path_));
  }
  absl::Status written = WriteAll(fd.get(), text);
  if (written.ok() && ::renameat(directory_.get(), temporary.c_str(),
                                 directory_.get(), name.c_str()) != 0) {
    written = Failed(errno, "rename");
  }
  if (!written.ok()) {
    ::unlinkat(directory_.get(), temporary.c_str(), 0);
    return At(absl::StrCat(path_, "/", name), written);
  }
  if (::fsync(directory_.get()) != 0) {
    return Failed(errno, absl::StrCat("fsync ", path_));
  }
  return absl::OkStatus();
}

absl::StatusOr<Mark> MarkStore::Read(const MarkedProcess& process,
                                     const std::string& name) const {
  const std::string file = MarkFileName(process, name);
  const std::string path = absl::StrCat(path_, "/", file);
  const UniqueFd fd(::openat(directory_.get(), file.c_str(),
                             O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return NoSuchMark(name, process.pid);
    return Failed(errno, absl::StrCat("open ", path));
  }
  const auto text = ReadAll(fd.get());
  if (!text.ok()) return At(path, text.status());
  auto mark = ParseMark(*text);
  if (!mark.ok()) return At(path, mark.status());
  if (MarkFileName(mark->process, mark->name) != file) {
    return At(path, absl::DataLossError(
                        "the mark in it is of another process or name"));
  }
  return mark;
}

absl::StatusOr<std::vector<std::string>> MarkStore::FileNames() const {
  // The stream takes a descriptor, and another open one has its own position.
  UniqueFd fd(
      ::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return Failed(errno, absl::StrCat("open ", path_));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()),
                                                   &::closedir);
  if (stream == nullptr) return Failed(errno, absl::StrCat("read ", path_));
  [[maybe_unused]] const int owned_by_stream = fd.Release();
  std::vector<std::string> names;
  while (names.size() < kMaxEntries) {
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    names.emplace_back(entry->d_name);
  }
  return names;
}

absl::StatusOr<std::vector<StoredMark>> MarkStore::List() const {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names, FileNames());
  std::vector<StoredMark> marks;
  for (const std::string& name : names) {
    auto file = ParseMarkFileName(name);
    struct stat facts {};
    if (!file.has_value() ||
        ::fstatat(directory_.get(), name.c_str(), &facts,
                  AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(facts.st_mode)) {
      continue;
    }
    marks.push_back(
        {.file = *std::move(file),
         .taken_unix_s = static_cast<double>(facts.st_mtim.tv_sec) +
                         static_cast<double>(facts.st_mtim.tv_nsec) / 1e9,
         .bytes = facts.st_size});
  }
  std::sort(marks.begin(), marks.end(),
            [](const StoredMark& a, const StoredMark& b) {
              return std::tie(a.file.process.pid, a.file.process.start_ticks,
                              a.taken_unix_s, a.file.name) <
                     std::tie(b.file.process.pid, b.file.process.start_ticks,
                              b.taken_unix_s, b.file.name);
            });
  return marks;
}

absl::Status MarkStore::RemoveLeftovers() {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names, FileNames());
  for (const std::string& name : names) {
    int32_t writer = 0;
    if (!name.starts_with(kTemporary) ||
        !absl::SimpleAtoi(name.substr(kTemporary.size()), &writer) ||
        writer <= 0 || ::kill(writer, 0) == 0 || errno != ESRCH) {
      continue;
    }
    if (::unlinkat(directory_.get(), name.c_str(), 0) != 0 && errno != ENOENT) {
      return Failed(errno, absl::StrCat("remove ", path_, "/", name));
    }
  }
  return absl::OkStatus();
}

absl::Status MarkStore::Remove(const MarkedProcess& process,
                               const std::string& name) {
  const std::string file = MarkFileName(process, name);
  if (::unlinkat(directory_.get(), file.c_str(), 0) == 0) {
    return absl::OkStatus();
  }
  if (errno == ENOENT) return NoSuchMark(name, process.pid);
  return Failed(errno, absl::StrCat("remove ", path_, "/", file));
}

}  // namespace plimsoll::cli
