// PythonTarget runs a real interpreter on a script for a test and ends it with
// the test; FindPythons says which interpreters this machine has; LiveMemory
// reads the target's memory as the product does.
//
// The script talks in lines: it prints, the test reads with ReadLine(); the
// test writes with WriteLine(), the script reads sys.stdin.
//
// Example:
//   for (const std::string& python : FindPythons()) {
//     PythonTarget target(python, "print('ready', flush=True); input()");
//     ASSERT_EQ(target.ReadLine(), "ready");
#ifndef PLIMSOLL_TESTS_SUPPORT_PYTHON_TARGET_H_
#define PLIMSOLL_TESTS_SUPPORT_PYTHON_TARGET_H_

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/core/ports.h"
#include "tests/support/uwsgi_command.h"

namespace plimsoll::testing {

// Interpreters by version, each file once: PLIMSOLL_TEST_PYTHONS (a colon
// list), else those of pyenv and of the system.
inline std::vector<std::string> FindPythons() {
  std::vector<std::string> found;
  const auto add = [&found](const std::string& path) {
    if (::access(path.c_str(), X_OK) == 0) found.push_back(path);
  };
  if (const char* list = ::getenv("PLIMSOLL_TEST_PYTHONS")) {
    std::string_view rest = list;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(':'), rest.size());
      if (end > 0) add(std::string(rest.substr(0, end)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return found;
  }
  const char* home = ::getenv("HOME");
  const std::string pyenv =
      std::string(home == nullptr ? "" : home) + "/.pyenv/versions/*/bin/";
  glob_t paths{};
  ::glob((pyenv + "python[23].[0-9]").c_str(), 0, nullptr, &paths);
  ::glob((pyenv + "python[23].[0-9][0-9]").c_str(), GLOB_APPEND, nullptr,
         &paths);
  ::glob("/usr/bin/python3.[0-9]", GLOB_APPEND, nullptr, &paths);
  ::glob("/usr/bin/python3.[0-9][0-9]", GLOB_APPEND, nullptr, &paths);
  for (size_t i = 0; i < paths.gl_pathc; ++i) add(paths.gl_pathv[i]);
  ::globfree(&paths);
  return found;
}

class PythonTarget {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;

  // Runs `python -c SCRIPT ARG...`, or kUwsgi's first worker on it. running()
  // tells whether it could.
  PythonTarget(const std::string& python, const std::string& script,
               const Environment& environment = {},
               std::vector<std::string> arguments = {}) {
    int to_child[2];
    int from_child[2];
    if (::pipe2(to_child, O_CLOEXEC) != 0) return;
    if (::pipe2(from_child, O_CLOEXEC) != 0) {
      ::close(to_child[0]);
      ::close(to_child[1]);
      return;
    }
    std::vector<std::string> words = {python, "-c", script};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const bool uwsgi = python == kUwsgi;
    if (uwsgi) words = UwsgiCommand(arguments);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    started_ = pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::setpgid(0, 0);
      if (uwsgi) ::setenv("PLIMSOLL_SCRIPT", script.c_str(), 1);
      for (const auto& [name, value] : environment) {
        ::setenv(name.c_str(), value.c_str(), 1);
      }
      ::dup2(to_child[0], 0);
      ::dup2(from_child[1], 1);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    input_ = to_child[1];
    output_ = from_child[0];
    ::setpgid(started_, started_);
    if (uwsgi) pid_ = std::atoi(ReadLine().c_str());
  }
  ~PythonTarget() { Kill(); }
  PythonTarget(const PythonTarget&) = delete;
  PythonTarget& operator=(const PythonTarget&) = delete;

  bool running() const { return pid_ > 0; }
  int32_t pid() const { return pid_; }

  // How it ended; "" while it runs.
  std::string Ended() const {
    siginfo_t info = {};
    if (::waitid(P_PID, static_cast<id_t>(started_), &info,
                 WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0) {
      return "";
    }
    return (info.si_code == CLD_EXITED ? "exit code " : "signal ") +
           std::to_string(info.si_status);
  }

  // The next line without its end; "" at end of file or after 20 seconds.
  std::string ReadLine() {
    while (true) {
      const size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      pollfd poll{.fd = output_, .events = POLLIN, .revents = 0};
      if (::poll(&poll, 1, 20'000) <= 0) return "";
      char bytes[65536];
      const ssize_t n = ::read(output_, bytes, sizeof(bytes));
      if (n <= 0) return "";
      buffer_.append(bytes, static_cast<size_t>(n));
    }
  }

  bool WriteLine(std::string text) {
    text.push_back('\n');
    return ::write(input_, text.data(), text.size()) ==
           static_cast<ssize_t>(text.size());
  }

  void Kill() {
    if (started_ <= 0) return;
    ::kill(-started_, SIGKILL);  // uWSGI's master and workers, too
    ::waitpid(started_, nullptr, 0);
    // A worker is another's child now, who waits for it in its own time.
    const pid_t last = pid_ > 0 ? pid_ : started_;
    for (int i = 0; i < 2000 && ::kill(last, 0) == 0; ++i) ::usleep(1000);
    ::close(input_);
    ::close(output_);
    started_ = pid_ = -1;
  }

 private:
  pid_t started_ = -1;  // leads a process group
  pid_t pid_ = -1;      // of the Python
  int input_ = -1;
  int output_ = -1;
  std::string buffer_;
};

class LiveMemory final : public core::MemorySource {
 public:
  explicit LiveMemory(int32_t pid) : pid_(pid) {}
  size_t Read(uint64_t address, std::span<std::byte> out) const override {
    // Page by page, so that what stands before a hole is read.
    size_t done = 0;
    while (done < out.size()) {
      const size_t piece =
          std::min(out.size() - done, 4096 - (address + done) % 4096);
      iovec local{out.data() + done, piece};
      iovec remote{reinterpret_cast<void*>(address + done), piece};
      const ssize_t n = ::process_vm_readv(pid_, &local, 1, &remote, 1, 0);
      if (n <= 0) break;
      done += static_cast<size_t>(n);
      if (static_cast<size_t>(n) < piece) break;
    }
    return done;
  }

 private:
  int32_t pid_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_PYTHON_TARGET_H_
