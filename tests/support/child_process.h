// A program of ours as a child, and where it listens. One thread. The child is
// killed with its object.
#ifndef PLIMSOLL_TESTS_SUPPORT_CHILD_PROCESS_H_
#define PLIMSOLL_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "plimsoll/base/unique_fd.h"

namespace plimsoll::testing {

class ChildProcess {
 public:
  // What it writes to stderr is added to the file `log`.
  ChildProcess(std::vector<std::string> arguments, const std::string& log) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    if (std::freopen(log.c_str(), "a", stderr) == nullptr ||
        std::freopen(log.c_str(), "a", stdout) == nullptr) {
      ::_exit(126);
    }
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ~ChildProcess() { Kill(); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void Kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  bool Alive() const {
    return pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0;
  }

 private:
  pid_t pid_ = -1;
};

// A port of loopback that was free a moment ago; 0 if there is none.
inline int FreePort() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), any, size) != 0 ||
      ::getsockname(fd.get(), any, &size) != 0) {
    return 0;
  }
  return ntohs(address.sin_port);
}

// The body of GET http://127.0.0.1:port/path; "" when there is no answer. The
// status is the first word of what comes back when `status` is asked for.
inline std::string HttpGet(int port, const std::string& path,
                           int* status = nullptr) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                sizeof(address)) != 0) {
    return "";
  }
  const std::string request = "GET " + path +
                              " HTTP/1.1\r\nHost: localhost\r\n"
                              "Connection: close\r\n\r\n";
  ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::recv(fd.get(), buffer, sizeof(buffer), 0)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  if (status != nullptr && text.size() > 12) {
    *status = std::atoi(text.c_str() + 9);
  }
  const size_t body = text.find("\r\n\r\n");
  return body == std::string::npos ? "" : text.substr(body + 4);
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_CHILD_PROCESS_H_
