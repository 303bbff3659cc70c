#include "agent/inspector/child_process.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace plimsoll::inspector {
namespace {

constexpr int kChildChannel = 3;
// The child's own exit codes (main.cc).
constexpr int kExitUsage = 2;
constexpr int kExitNoSandbox = 3;

ChildProcess::End Describe(int status) {
  ChildProcess::End end;
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    end.text = absl::StrCat("signal ", number, " (", ::strsignal(number), ")");
    end.parser_died = number == SIGSEGV || number == SIGBUS ||
                      number == SIGABRT || number == SIGILL ||
                      number == SIGFPE || number == SIGSYS;
  } else {
    const int code = WEXITSTATUS(status);
    end.text = absl::StrCat("exit status ", code);
    end.refused_to_start = code == kExitUsage || code == kExitNoSandbox;
    end.parser_died = code != 0 && !end.refused_to_start;
  }
  return end;
}

// Owns the C objects of one posix_spawn.
class SpawnSetup {
 public:
  SpawnSetup() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  // 0 or an errno.
  int Prepare(int channel) {
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    int e = ::posix_spawnattr_setsigmask(&attributes_, &none);
    if (e == 0) e = ::posix_spawnattr_setsigdefault(&attributes_, &all);
    if (e == 0) {
      e = ::posix_spawnattr_setflags(
          &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
      if (e == 0) {
        e = ::posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null",
                                               O_RDWR, 0);
      }
    }
    if (e == 0) {
      e = ::posix_spawn_file_actions_adddup2(&actions_, channel, kChildChannel);
    }
    if (e == 0) {
      e = ::posix_spawn_file_actions_addclosefrom_np(&actions_,
                                                     kChildChannel + 1);
    }
    return e;
  }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

absl::StatusOr<std::string> InspectorProgram() {
  std::array<char, PATH_MAX> self;
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  if (length <= 0) return absl::ErrnoToStatus(errno, "readlink /proc/self/exe");
  const std::string path(self.data(), static_cast<size_t>(length));
  return path.substr(0, path.rfind('/') + 1) + "plimsoll-inspector";
}

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::string& program,
                                                 uint64_t memory_limit_bytes) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    return absl::ErrnoToStatus(errno, "socketpair");
  }
  UniqueFd ours(pair[0]), theirs(pair[1]);
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, "fcntl O_NONBLOCK");
  }
  SpawnSetup setup;
  if (const int e = setup.Prepare(theirs.get())) {
    return absl::ErrnoToStatus(e, "posix_spawn attributes");
  }
  std::string limit = absl::StrCat("--memory-limit=", memory_limit_bytes);
  std::string parent = absl::StrCat("--parent=", ::getpid());
  std::string name = program;
  char* argv[] = {name.data(), limit.data(), parent.data(), nullptr};
  char* environment[] = {nullptr};
  pid_t pid = -1;
  if (const int e = ::posix_spawn(&pid, program.c_str(), setup.actions(),
                                  setup.attributes(), argv, environment)) {
    return absl::ErrnoToStatus(e, absl::StrCat("start ", program));
  }
  return ChildProcess(pid, std::move(ours));
}

ChildProcess::End ChildProcess::Kill() {
  if (pid_ <= 0) return {};
  // If it has ended by itself this changes nothing: it is a zombie of ours.
  ::kill(pid_, SIGKILL);
  int status = 0;
  pid_t reaped;
  do {
    reaped = ::waitpid(pid_, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  pid_ = -1;
  socket_.Reset();
  if (reaped < 0) return {.text = "end not known"};
  return Describe(status);
}

}  // namespace plimsoll::inspector
