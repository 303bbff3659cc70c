// The HTTP server over real sockets: bounds, keep-alive, malformed input.
#include "collector/http/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>
#include <fstream>

#include "collector/http/http_guard.h"
#include "plimsoll/base/unique_fd.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::collector::http {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    HttpServerOptions options;
    options.port = 0;
    options.idle_timeout_s = 1;
    options.max_connections = 4;
    options.refusals = &refusals_;
    auto server =
        HttpServer::Start(options, [](const Request& request) -> Response {
          if (request.path == "/large") {
            return {200, "text/plain", std::string(64 << 20, 'x')};
          }
          return {200, "text/plain",
                  request.method + " " + request.path + " " +
                      (request.query.count("a") ? request.query.at("a") : "")};
        });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  UniqueFd Connect() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(server_->port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval timeout{10, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                        sizeof(address)),
              0);
    return fd;
  }
  static void Send(const UniqueFd& fd, const std::string& text) {
    ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  // Until the other side closes, or `until` was seen.
  static std::string Receive(const UniqueFd& fd,
                             const std::string& until = "") {
    std::string text;
    char buffer[4096];
    ssize_t got;
    while ((until.empty() || text.find(until) == std::string::npos) &&
           (got = ::recv(fd.get(), buffer, sizeof(buffer), 0)) > 0) {
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }

  // The connection is closed before that is counted.
  bool CountedSlowOnce() const {
    plimsoll::testing::Eventually(
        [this] { return refusals_.Total(Refusal::kHttpSlow) > 0; });
    return refusals_.Total(Refusal::kHttpSlow) == 1;
  }

  RefusalCounter refusals_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, OneConnectionTakesManyRequests) {
  UniqueFd fd = Connect();
  Send(fd, "GET /x%20y?a=1%262 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(Receive(fd, "GET /x y 1&2"), StartsWith("HTTP/1.1 200"));
  Send(fd, "GET /z HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(Receive(fd), HasSubstr("GET /z "));
}

TEST_F(HttpServerTest, MalformedAndTooLargeAreErrors) {
  const std::pair<std::string, std::string> cases[] = {
      {"garbage\r\n\r\n", "HTTP/1.1 400"},
      {"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400"},
      {"GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n",
       "HTTP/1.1 431"},
      {"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 413"},
  };
  for (const auto& [request, answer] : cases) {
    UniqueFd fd = Connect();
    Send(fd, request);
    EXPECT_THAT(Receive(fd, "}"), StartsWith(answer)) << request.substr(0, 40);
  }
  EXPECT_EQ(refusals_.Total(Refusal::kHttpMalformed), 2);
  EXPECT_EQ(refusals_.Total(Refusal::kHttpHeaders), 1);
  EXPECT_EQ(refusals_.Total(Refusal::kHttpBody), 1);
}

TEST_F(HttpServerTest, ASlowClientIsCutOff) {
  UniqueFd fd = Connect();
  Send(fd, "GET / HT");
  EXPECT_THAT(Receive(fd), IsEmpty());  // and it returned: the server closed
  EXPECT_TRUE(CountedSlowOnce());
}

// A byte now and then does not help: the time is for the whole request.
TEST_F(HttpServerTest, AClientThatDripsBytesIsCutOff) {
  UniqueFd fd = Connect();
  const std::string request = "GET / HTTP/1.1\r\nHost: h\r\nX: aaaaaaaaaaaaaaa";
  size_t sent = 0;
  const auto closed = [&] {
    const char* byte = &request[sent++ % request.size()];
    return ::send(fd.get(), byte, 1, MSG_NOSIGNAL) != 1;
  };
  EXPECT_TRUE(plimsoll::testing::Eventually(closed, std::chrono::seconds(30),
                                            std::chrono::milliseconds(50)));
  EXPECT_TRUE(CountedSlowOnce());
}

TEST_F(HttpServerTest, AClientThatDoesNotReadItsAnswerIsCutOff) {
  UniqueFd fd = Connect();
  Send(fd, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(CountedSlowOnce());
}

TEST_F(HttpServerTest, WithATokenFileOnlyWhoShowsItIsServed) {
  plimsoll::testing::TempDir directory;
  const std::string file = (directory.path() / "token").string();
  HttpServerOptions options;
  options.port = 0;
  auto server = HttpServer::Start(
      options, GuardByToken(file, &refusals_, [](const Request& request) {
        return Response{200, "text/plain", "served " + request.path};
      }));
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  const auto ask = [this](const std::string& path, const std::string& header) {
    UniqueFd fd = Connect();
    Send(fd, "GET " + path + " HTTP/1.1\r\nConnection: close\r\n" + header +
                 "\r\n");
    return Receive(fd);
  };
  const std::string good = "Authorization: Bearer s3cret\r\n";
  EXPECT_THAT(ask("/api", good), StartsWith("HTTP/1.1 503"))
      << "no file: nobody";
  EXPECT_THAT(ask("/healthz", ""), HasSubstr("served /healthz"));
  std::ofstream(file) << "s3cret\n" << std::flush;
  EXPECT_THAT(ask("/api", good), HasSubstr("served /api"));
  EXPECT_THAT(ask("/", "Authorization: Basic eDpzM2NyZXQ=\r\n"),
              HasSubstr("served /"));
  for (const char* bad :
       {"", "Authorization: Bearer s3cre\r\n",
        "Authorization: Bearer s3cret2\r\n", "Authorization: Bearer \r\n"}) {
    const std::string answer = ask("/api", bad);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 401")) << bad;
    EXPECT_THAT(answer, HasSubstr("WWW-Authenticate: Basic realm"));
  }
  EXPECT_EQ(refusals_.Total(Refusal::kHttpUnauthorized), 4);
  std::ofstream(file) << "renewed\n" << std::flush;
  EXPECT_THAT(ask("/api", good), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(ask("/api", "Authorization: Bearer renewed\r\n"),
              HasSubstr("served /api"));
}

TEST_F(HttpServerTest, PastItsConnectionsItClosesAndRecovers) {
  {
    UniqueFd held[4];
    for (UniqueFd& fd : held) {
      fd = Connect();
      Send(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      EXPECT_THAT(Receive(fd, "GET / "), StartsWith("HTTP/1.1 200"));
    }
    UniqueFd over = Connect();
    EXPECT_THAT(Receive(over), IsEmpty());
    EXPECT_GE(refusals_.Total(Refusal::kHttpConnections), 1);
  }
  // Those are gone once the server has seen it.
  std::string answer;
  for (int i = 0; i < 1000 && answer.empty(); ++i) {
    UniqueFd fd = Connect();
    Send(fd, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    answer = Receive(fd);
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace plimsoll::collector::http
