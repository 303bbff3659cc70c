// Runs one of our programs for a test and takes what it says: exit code,
// standard output, standard error. It is ended with the test, or after a
// deadline.
//
// Example:
//   RunningCommand growth({BinDir() + "/plimsoll", "growth", pid});
//   ASSERT_TRUE(growth.AwaitWord("measuring"));
//   growth.Signal(SIGINT);
//   const CommandResult result = growth.Wait();
#ifndef PLIMSOLL_TESTS_SUPPORT_RUN_COMMAND_H_
#define PLIMSOLL_TESTS_SUPPORT_RUN_COMMAND_H_

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <regex>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll::testing {

struct CommandResult {
  int exit_code = -1;  // 128 + N when signal N ended it, -1 past the deadline
  std::string out;
  std::string err;
};

struct CommandOptions {
  bool as_nobody = false;  // drops root, for what an ordinary user sees
  std::chrono::seconds deadline{60};
};

inline std::string BinDir() {
  const char* dir = ::getenv("PLIMSOLL_BIN_DIR");
  return dir == nullptr ? "build/release/bin" : dir;
}

class RunningCommand {
 public:
  explicit RunningCommand(std::vector<std::string> words,
                          CommandOptions options = {})
      : options_(options) {
    std::array<int, 2> out{}, err{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0 ||
        ::pipe2(err.data(), O_CLOEXEC) != 0) {
      return;
    }
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int null = ::open("/dev/null", O_RDONLY);
      ::dup2(null, 0);
      ::dup2(out[1], 1);
      ::dup2(err[1], 2);
      constexpr uid_t kNobody = 65534;
      if (options.as_nobody &&
          (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 ||
           ::setuid(kNobody) != 0)) {
        ::_exit(126);
      }
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(out[1]);
    ::close(err[1]);
    fds_ = {out[0], err[0]};
  }
  ~RunningCommand() {
    if (pid_ > 0) Wait(std::chrono::seconds(0));
  }
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;

  int pid() const { return pid_; }
  void Signal(int signal) const {
    if (pid_ > 0) ::kill(pid_, signal);
  }
  void CloseOutput() {
    ::close(fds_[0]);
    fds_[0] = -1;
  }
  // Whether it says what this regular expression finds, on one of both, before
  // the deadline or its end.
  bool AwaitWord(const std::string& pattern) {
    const std::regex wanted(pattern);
    const auto deadline = Clock::now() + options_.deadline;
    const auto said = [&] {
      return std::regex_search(said_.err, wanted) ||
             std::regex_search(said_.out, wanted);
    };
    while (!said()) {
      if (fds_[0] < 0 && fds_[1] < 0) return false;
      if (!TakeSome(deadline)) return said();
    }
    return true;
  }
  CommandResult Wait() { return Wait(options_.deadline); }

 private:
  using Clock = std::chrono::steady_clock;

  CommandResult Wait(std::chrono::seconds limit) {
    if (pid_ <= 0) return {};
    const auto deadline = Clock::now() + limit;
    bool late = false;
    while (!late && (fds_[0] >= 0 || fds_[1] >= 0)) late = !TakeSome(deadline);
    if (late) ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    for (int& fd : fds_) {
      if (fd >= 0) ::close(fd);
      fd = -1;
    }
    if (!late) {
      said_.exit_code =
          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return std::move(said_);
  }
  // Some of what it says, or the end of one of both; false at the deadline.
  bool TakeSome(Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - Clock::now());
    std::array<pollfd, 2> polls = {
        {{fds_[0], POLLIN, 0}, {fds_[1], POLLIN, 0}}};
    if (left.count() <= 0 ||
        ::poll(polls.data(), 2, static_cast<int>(left.count())) == 0) {
      return false;
    }
    for (int i = 0; i < 2; ++i) {
      if (polls[i].revents != 0) Take(i, i == 0 ? said_.out : said_.err);
    }
    return true;
  }
  void Take(int i, std::string& to) {
    std::array<char, 65536> bytes;
    const ssize_t n = ::read(fds_[i], bytes.data(), bytes.size());
    if (n > 0) {
      to.append(bytes.data(), static_cast<size_t>(n));
    } else {
      ::close(fds_[i]);
      fds_[i] = -1;
    }
  }

  CommandOptions options_;
  pid_t pid_ = -1;
  std::array<int, 2> fds_ = {-1, -1};
  CommandResult said_;
};

inline CommandResult RunCommand(std::vector<std::string> words,
                                CommandOptions options = {}) {
  return RunningCommand(std::move(words), options).Wait();
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_RUN_COMMAND_H_
