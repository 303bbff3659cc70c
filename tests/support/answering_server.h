// A server on 127.0.0.1 that says the same to each who connects, after it was
// asked or at once, whole or a byte at a time, for tests of clients. One thread
// of its own, which ends with the object; the rest is the test's thread.
#ifndef PLIMSOLL_TESTS_SUPPORT_ANSWERING_SERVER_H_
#define PLIMSOLL_TESTS_SUPPORT_ANSWERING_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "plimsoll/base/unique_fd.h"

namespace plimsoll::testing {

struct AnsweringOptions {
  bool reads_first = true;  // waits for a request's empty line
  int drip_ms = 0;          // > 0: one byte at a time with this between
  int64_t endless = 0;      // > 0: then as many bytes of 'x'
  std::string unix_path;    // "": TCP, on a free port
};

class AnsweringServer {
 public:
  explicit AnsweringServer(std::string answer, AnsweringOptions options = {})
      : answer_(std::move(answer)), options_(std::move(options)) {
    if (options_.unix_path.empty()) {
      ListenTcp();
    } else {
      ListenUnix();
    }
    ::listen(listener_.get(), 16);
    thread_ = std::thread([this] { Run(); });
  }
  ~AnsweringServer() {
    stop_ = true;
    thread_.join();
  }
  AnsweringServer(const AnsweringServer&) = delete;
  AnsweringServer& operator=(const AnsweringServer&) = delete;

  int port() const { return port_; }
  int served() const { return served_; }
  // Of the last who asked.
  std::string request() {
    const std::lock_guard lock(mutex_);
    return request_;
  }

 private:
  void ListenTcp() {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), any, size) == 0 &&
        ::getsockname(listener_.get(), any, &size) == 0) {
      port_ = ntohs(address.sin_port);
    }
  }
  void ListenUnix() {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, options_.unix_path.c_str(),
                 sizeof(address.sun_path) - 1);
    (void)::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof(address));
  }
  // False when `fd` was not ready before the end of the server.
  bool Wait(int fd, short events) const {
    while (!stop_) {
      pollfd poll{.fd = fd, .events = events, .revents = 0};
      if (::poll(&poll, 1, 20) > 0) return true;
    }
    return false;
  }
  void Run() {
    while (Wait(listener_.get(), POLLIN)) {
      const UniqueFd fd(::accept(listener_.get(), nullptr, nullptr));
      if (!fd.valid()) continue;
      ++served_;
      if (options_.reads_first && !ReadRequest(fd.get())) continue;
      Send(fd.get());
    }
  }
  bool ReadRequest(int fd) {
    std::string text;
    char buffer[4096];
    while (text.find("\r\n\r\n") == std::string::npos) {
      if (!Wait(fd, POLLIN)) return false;
      const ssize_t got = ::recv(fd, buffer, sizeof(buffer), 0);
      if (got <= 0) return false;
      text.append(buffer, static_cast<size_t>(got));
    }
    const std::lock_guard lock(mutex_);
    request_ = text;
    return true;
  }
  bool SendAll(int fd, const char* bytes, size_t size) const {
    while (size > 0) {
      if (!Wait(fd, POLLOUT)) return false;
      const ssize_t sent = ::send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) return false;
      bytes += sent;
      size -= static_cast<size_t>(sent);
    }
    return true;
  }
  void Send(int fd) const {
    const size_t step = options_.drip_ms > 0 ? 1 : answer_.size();
    for (size_t at = 0; at < answer_.size() && !stop_; at += step) {
      if (!SendAll(fd, answer_.data() + at, step)) return;
      if (options_.drip_ms > 0) ::poll(nullptr, 0, options_.drip_ms);
    }
    const std::string block(64 << 10, 'x');
    for (int64_t sent = 0; sent < options_.endless && !stop_;
         sent += static_cast<int64_t>(block.size())) {
      if (!SendAll(fd, block.data(), block.size())) return;
    }
  }

  const std::string answer_;
  const AnsweringOptions options_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<int> served_ = 0;
  std::mutex mutex_;  // guards what follows
  std::string request_;
  std::thread thread_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_ANSWERING_SERVER_H_
