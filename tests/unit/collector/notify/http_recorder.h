// A small HTTP/1.1 server on loopback that records the bodies of POSTs and
// answers with what the test sets. One request a connection.
#ifndef PLIMSOLL_TESTS_UNIT_COLLECTOR_NOTIFY_HTTP_RECORDER_H_
#define PLIMSOLL_TESTS_UNIT_COLLECTOR_NOTIFY_HTTP_RECORDER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::collector::notify {

struct RecordedPost {
  std::string path, content_type, body;
};

class HttpRecorder {
 public:
  HttpRecorder() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address),
                     sizeof(address)),
              0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    socklen_t size = sizeof(address);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address),
                  &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~HttpRecorder() {
    stop_ = true;
    thread_.join();
  }

  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_);
  }
  void set_status(int status) { status_ = status; }
  // Lines that end with CRLF, and the body of the answer.
  void set_answer(const std::string& headers, const std::string& body) {
    const std::lock_guard lock(mutex_);
    headers_ = headers;
    answer_ = body;
  }

  // The posts so far, once there are at least `count`, or after a minute.
  std::vector<RecordedPost> WaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60),
                      [&] { return posts_.size() >= count; });
    return posts_;
  }

 private:
  void Run() {
    while (!stop_) {
      pollfd waiting{listener_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
      if (peer.valid()) Serve(peer.get());
    }
  }
  void Serve(int fd) {
    std::string text;
    size_t need = std::string::npos;
    while (need == std::string::npos || text.size() < need) {
      char buffer[4096];
      const ssize_t n = ::recv(fd, buffer, sizeof(buffer), 0);
      if (n <= 0) return;
      text.append(buffer, static_cast<size_t>(n));
      const size_t end = text.find("\r\n\r\n");
      if (end == std::string::npos || need != std::string::npos) continue;
      const size_t length = text.find("Content-Length: ");
      need = end + 4 +
             (length < end ? std::stoul(text.substr(length + 16)) : size_t{0});
      if (text.find("Expect: 100-continue") < end) {
        const std::string go = "HTTP/1.1 100 Continue\r\n\r\n";
        ::send(fd, go.data(), go.size(), MSG_NOSIGNAL);
      }
    }
    RecordedPost post;
    const size_t path = text.find(' ') + 1;
    post.path = text.substr(path, text.find(' ', path) - path);
    const size_t type = text.find("Content-Type: ");
    if (type != std::string::npos) {
      post.content_type =
          text.substr(type + 14, text.find('\r', type) - type - 14);
    }
    post.body = text.substr(text.find("\r\n\r\n") + 4);
    const std::lock_guard lock(mutex_);
    const std::string answer =
        "HTTP/1.1 " + std::to_string(status_) + " X\r\n" + headers_ +
        "Content-Length: " + std::to_string(answer_.size()) +
        "\r\nConnection: close\r\n\r\n" + answer_;
    ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    posts_.push_back(std::move(post));
    changed_.notify_all();
  }

  UniqueFd listener_;
  int port_ = 0;
  std::atomic<int> status_{200};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<RecordedPost> posts_;
  std::string headers_, answer_;
  std::thread thread_;
};

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_TESTS_UNIT_COLLECTOR_NOTIFY_HTTP_RECORDER_H_
