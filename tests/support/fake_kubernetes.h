// FakeKubernetes answers the two requests of a pod watch, and reviews of
// tokens, as an API server does, over HTTP on loopback, and can be made to fail
// as one does: no token, events that are gone, no answer at all.
#ifndef PLIMSOLL_TESTS_SUPPORT_FAKE_KUBERNETES_H_
#define PLIMSOLL_TESTS_SUPPORT_FAKE_KUBERNETES_H_

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace plimsoll::testing {

class FakeKubernetes {
 public:
  FakeKubernetes()
      : acceptor_(context_, {boost::asio::ip::address_v4::loopback(), 0}) {
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] { Accept(); });
  }
  ~FakeKubernetes() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    boost::system::error_code ignored;
    // accept() does not end with the acceptor: a last connection ends it.
    boost::asio::ip::tcp::socket last(context_);
    last.connect({boost::asio::ip::address_v4::loopback(), port_}, ignored);
    thread_.join();
    for (std::thread& session : sessions_) session.join();
  }
  FakeKubernetes(const FakeKubernetes&) = delete;
  FakeKubernetes& operator=(const FakeKubernetes&) = delete;

  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_);
  }
  // The items of the next list, as JSON, and its resourceVersion. Two pages if
  // `second_page` is not empty.
  void SetList(std::string items, std::string version,
               std::string second_page = "") {
    const std::lock_guard lock(mutex_);
    items_ = std::move(items);
    version_ = std::move(version);
    second_page_ = std::move(second_page);
  }
  void SetNode(std::string json) {
    const std::lock_guard lock(mutex_);
    node_ = std::move(json);
  }
  // A line for all watches that are open or come. "": the watches end.
  void Push(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  // All requests are answered so from now on; 0: as they should be.
  void AnswerWith(int code) {
    const std::lock_guard lock(mutex_);
    code_ = code;
  }
  // `status` is the JSON of a TokenReview's status, for this token.
  void SetReview(const std::string& token, std::string status) {
    const std::lock_guard lock(mutex_);
    reviews_[token] = std::move(status);
  }
  // What an API server of 1.30 says of a service account's token that is bound
  // to a pod of a node.
  static std::string GoodReview(const std::string& ns, const std::string& name,
                                const std::string& node,
                                const std::string& audience) {
    return R"({"authenticated":true,"user":{"username":"system:serviceaccount:)" +
           ns + ":" + name +
           R"(","uid":"u-1","groups":["system:serviceaccounts"],"extra":{)"
           R"("authentication.kubernetes.io/node-name":[")" +
           node +
           R"("],"authentication.kubernetes.io/pod-name":["agent-x1"]}},)"
           R"("audiences":[")" +
           audience + R"("]})";
  }
  void RequireToken(std::string token) {
    const std::lock_guard lock(mutex_);
    token_ = std::move(token);
  }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  using Socket = boost::asio::ip::tcp::socket;
  using Request = boost::beast::http::request<boost::beast::http::string_body>;

  void Accept() {
    while (true) {
      auto socket = std::make_shared<Socket>(context_);
      boost::system::error_code error;
      acceptor_.accept(*socket, error);
      const std::lock_guard lock(mutex_);
      if (ending_ || error) return;
      sessions_.emplace_back([this, socket] { Serve(*socket); });
    }
  }
  void Serve(Socket& socket) {
    boost::beast::flat_buffer buffer;
    Request request;
    boost::system::error_code error;
    boost::beast::http::read(socket, buffer, request, error);
    if (error) return;
    const std::string target(request.target());
    std::unique_lock lock(mutex_);
    requests_.push_back(target);
    int code = code_;
    const std::string authorization(request["Authorization"]);
    if (!token_.empty() && authorization != "Bearer " + token_) code = 401;
    if (code != 0) {
      lock.unlock();
      Write(socket, "HTTP/1.1 " + std::to_string(code) +
                        " x\r\nConnection: close\r\n\r\n{\"kind\":\"Status\"}");
      return;
    }
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        "Connection: close\r\n\r\n";
    if (target.find("/tokenreviews") != std::string::npos) {
      Write(socket, head +
                        R"({"kind":"TokenReview","apiVersion":)"
                        R"("authentication.k8s.io/v1","status":)" +
                        ReviewOf(request.body()) + "}");
    } else if (target.find("/nodes/") != std::string::npos) {
      Write(socket, head + node_);
    } else if (target.find("watch=1") == std::string::npos) {
      const bool second = target.find("continue=") != std::string::npos;
      const bool more = !second && !second_page_.empty();
      Write(socket, head + R"({"kind":"PodList","metadata":{)" +
                        (more ? R"("continue":"2",)" : "") +
                        R"("resourceVersion":")" + version_ +
                        R"("},"items":[)" + (second ? second_page_ : items_) +
                        "]}");
    } else {
      Write(socket, head);
      WatchUntilEnd(socket, lock);
    }
  }
  std::string ReviewOf(const std::string& body) const {
    for (const auto& [token, status] : reviews_) {
      if (body.find("\"token\":\"" + token + "\"") != std::string::npos) {
        return status;
      }
    }
    return R"({"error":"invalid bearer token, token lookup failed"})";
  }
  void WatchUntilEnd(Socket& socket, std::unique_lock<std::mutex>& lock) {
    while (true) {
      changed_.wait(lock,
                    [&] { return ending_ || next_line_ < lines_.size(); });
      if (ending_) return;
      const std::string line = lines_[next_line_++];
      if (line.empty() || !Write(socket, line + "\n")) return;
    }
  }
  static bool Write(Socket& socket, const std::string& text) {
    boost::system::error_code error;
    boost::asio::write(socket, boost::asio::buffer(text), error);
    return !error;
  }

  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  int code_ = 0;
  std::string token_, items_, version_, second_page_, node_ = "{}";
  std::map<std::string, std::string> reviews_;
  std::vector<std::string> lines_, requests_;
  size_t next_line_ = 0;
  std::thread thread_;
  std::vector<std::thread> sessions_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_FAKE_KUBERNETES_H_
