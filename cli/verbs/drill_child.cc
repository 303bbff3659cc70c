#include "cli/verbs/drill_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

extern char** environ;

namespace plimsoll::cli {
namespace {

constexpr int kEndTries = 50;
constexpr useconds_t kEndPauseUs = 20'000;

struct Hierarchy {
  std::string mount;
  bool v2 = false;
};

bool Write(const std::string& path, const std::string& text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd.valid() && ::write(fd.get(), text.data(), text.size()) ==
                           static_cast<ssize_t>(text.size());
}

bool HasWord(const std::string& path, const std::string& word) {
  std::ifstream file(path);
  for (std::string each; file >> each;) {
    if (each == word) return true;
  }
  return false;
}

// Where the memory controller is.
absl::StatusOr<Hierarchy> FindHierarchy() {
  std::ifstream mounts("/proc/self/mounts");
  std::string v1;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, mount, type, options;
    words >> device >> mount >> type >> options;
    if (type == "cgroup2" && HasWord(mount + "/cgroup.controllers", "memory")) {
      return Hierarchy{mount, true};
    }
    if (type == "cgroup" &&
        ("," + options + ",").find(",memory,") != std::string::npos) {
      v1 = mount;
    }
  }
  if (!v1.empty()) return Hierarchy{v1, false};
  return absl::FailedPreconditionError(
      "no cgroup hierarchy with the memory controller is mounted here");
}

// Between fork and exec: only what is safe there.
[[noreturn]] void RunChild(const char* python, char* const* argv,
                           char* const* envp, int input, int output,
                           const char* procs, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  const int score = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0 && ::write(score, "1000", 4) != 4) ::_exit(126);
  if (procs != nullptr) {
    const int group = ::open(procs, O_WRONLY | O_CLOEXEC);
    if (group < 0 || ::write(group, "0", 1) != 1) ::_exit(125);
  }
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  // Ctrl-C at the terminal is the parent's to handle.
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(python, argv, envp);
  ::_exit(127);
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DrillCgroup>> DrillCgroup::Make(
    int64_t limit_bytes) {
  auto hierarchy = FindHierarchy();
  if (!hierarchy.ok()) return hierarchy.status();
  const std::string path =
      absl::StrCat(hierarchy->mount, "/plimsoll-drill-", ::getpid());
  if (hierarchy->v2) {
    // Refused where it is on already and may not be written: no matter.
    Write(hierarchy->mount + "/cgroup.subtree_control", "+memory");
  }
  if (::mkdir(path.c_str(), 0755) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("make the cgroup ", path));
  }
  std::unique_ptr<DrillCgroup> group(new DrillCgroup(path));
  const std::string limit = absl::StrCat(limit_bytes);
  if (!Write(path + (hierarchy->v2 ? "/memory.max" : "/memory.limit_in_bytes"),
             limit)) {
    return absl::ErrnoToStatus(errno, absl::StrCat("set a limit in ", path));
  }
  if (hierarchy->v2) Write(path + "/memory.swap.max", "0");
  return group;
}

DrillCgroup::~DrillCgroup() {
  for (int i = 0; i < kEndTries && ::rmdir(path_.c_str()) != 0; ++i) {
    ::usleep(kEndPauseUs);
  }
}

absl::StatusOr<std::string> FindPython(const std::string& python) {
  if (python.find('/') != std::string::npos) {
    if (::access(python.c_str(), X_OK) == 0) return python;
    return absl::FailedPreconditionError(
        absl::StrCat("a drill needs a Python, and ", python, " cannot be run"));
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string full = absl::StrCat(folder.empty() ? "." : folder, "/", python);
    if (::access(full.c_str(), X_OK) == 0) return full;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "a drill needs a Python, and there is no ", python,
      " here: install python3, name one with --python PATH, or run it where "
      "there is one (in a cluster: a Job with a Python image)"));
}

absl::StatusOr<std::unique_ptr<DrillChild>> DrillChild::Start(
    const std::string& python, const std::vector<std::string>& arguments,
    const std::vector<std::string>& environment, const DrillCgroup* cgroup) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  UniqueFd input(ends[0]), lifeline(ends[1]);
  if (::pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  UniqueFd output(ends[0]), its_output(ends[1]);
  std::vector<std::string> argv = arguments, envp = environment;
  argv.insert(argv.begin(), python);
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view variable(*at);
    const bool is_set = std::any_of(
        environment.begin(), environment.end(), [&](const std::string& ours) {
          return variable.starts_with(ours.substr(0, ours.find('=') + 1));
        });
    if (!is_set) envp.emplace_back(variable);
  }
  const std::vector<char*> argv_pointers = Pointers(argv);
  const std::vector<char*> envp_pointers = Pointers(envp);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "fork");
  if (pid == 0) {
    RunChild(python.c_str(), argv_pointers.data(), envp_pointers.data(),
             input.get(), its_output.get(),
             cgroup != nullptr ? cgroup->procs_file().c_str() : nullptr,
             parent);
  }
  return std::unique_ptr<DrillChild>(
      new DrillChild(pid, std::move(lifeline), std::move(output)));
}

bool DrillChild::AwaitStart(int timeout_ms) const {
  pollfd output = {.fd = output_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&output, 1, timeout_ms) == 1 && (output.revents & POLLIN) != 0;
}

bool DrillChild::Ended(int* status) {
  if (!reaped_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) reaped_ = true;
  *status = status_;
  return reaped_;
}

DrillChild::~DrillChild() {
  lifeline_ = UniqueFd();  // it ends when its input does
  int status = 0;
  for (int i = 0; i < kEndTries && !Ended(&status); ++i) {
    ::usleep(kEndPauseUs);
  }
  if (reaped_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, &status_, 0);
}

}  // namespace plimsoll::cli
