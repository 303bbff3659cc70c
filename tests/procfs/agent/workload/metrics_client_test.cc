#include "agent/workload/metrics_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "tests/support/answering_server.h"

namespace plimsoll::workload {
namespace {

using testing::AnsweringOptions;
using testing::AnsweringServer;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kShortNs = 400'000'000;

class MetricsClientTest : public ::testing::Test {
 protected:
  absl::StatusOr<MetricsAnswer> Get(const AnsweringServer& server,
                                    const std::string& path = "/metrics") {
    return MetricsClient(&stop_, timeout_ns_)
        .Get("127.0.0.1", server.port(), path);
  }
  std::string Why(const absl::StatusOr<MetricsAnswer>& answer) {
    return std::string(answer.status().message());
  }
  static double SecondsSince(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         begin)
        .count();
  }
  std::atomic<bool> stop_ = false;
  int64_t timeout_ns_ = 30'000'000'000;  // a test machine may be busy
};

TEST_F(MetricsClientTest, AsksForWhatItUnderstands) {
  AnsweringServer server(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
      "Content-Length: 4\r\n\r\na 1\n");
  const auto answer = Get(server, "/m?all=1");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "a 1\n");
  EXPECT_EQ(answer->content_type, "text/plain; version=0.0.4");
  const std::string request = server.request();
  EXPECT_THAT(request, HasSubstr("GET /m?all=1 HTTP/1.1\r\n"));
  EXPECT_THAT(request,
              HasSubstr("Accept: application/openmetrics-text;version=1.0.0,"
                        "text/plain;version=1.0.0;"));
  EXPECT_THAT(request, HasSubstr("text/plain;version=0.0.4;"));
  EXPECT_THAT(request, Not(HasSubstr("Authorization")));
  EXPECT_THAT(request, Not(HasSubstr("Accept-Encoding")));
}

TEST_F(MetricsClientTest, RedirectsAreNotFollowed) {
  AnsweringServer other("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  AnsweringServer server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:" +
                         std::to_string(other.port()) +
                         "/\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(Why(Get(server)),
              HasSubstr("HTTP 302 (redirects are not followed)"));
  EXPECT_EQ(other.served(), 0);
}

TEST_F(MetricsClientTest, OtherAnswersAreNone) {
  AnsweringServer missing("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_THAT(Why(Get(missing)), HasSubstr("HTTP 404"));
  // HTTP/0.9, as any text might be taken for.
  AnsweringServer old("a_requests_total 5\n");
  EXPECT_EQ(Get(old).status().code(), absl::StatusCode::kUnavailable);
  AnsweringServer cut("HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\na 1\n");
  EXPECT_EQ(Get(cut).status().code(), absl::StatusCode::kUnavailable);
  MetricsClient client(&stop_, timeout_ns_);
  EXPECT_EQ(client.Get("127.0.0.1", 1, "/").status().code(),
            absl::StatusCode::kUnavailable);
  for (const char* name : {"localhost", "", "127.0.0.1@evil", "1.2.3.4/x"}) {
    EXPECT_EQ(client.Get(name, 80, "/").status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
}

TEST_F(MetricsClientTest, LargeAnswersAreCutOff) {
  AnsweringOptions options;
  options.endless = 64 << 20;
  AnsweringServer body("HTTP/1.1 200 OK\r\n\r\n", options);
  const auto answer = Get(body);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(Why(answer), HasSubstr("over 4 MiB"));
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 5000; ++i)
    head += "X-A: some text that is in the way\r\n";
  AnsweringServer header(head);
  EXPECT_EQ(Get(header).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(MetricsClientTest, ExactlyTheBoundIsTaken) {
  AnsweringServer server(
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kMostAnswerBytes) +
      "\r\n\r\n" + std::string(kMostAnswerBytes, 'x'));
  const auto answer = Get(server);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body.size(), kMostAnswerBytes);
}

TEST_F(MetricsClientTest, SlowAnswersEndInTime) {
  timeout_ns_ = kShortNs;
  AnsweringOptions options;
  options.drip_ms = 20;
  AnsweringServer drips("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" +
                            std::string(9000, 'x'),
                        options);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(Why(Get(drips)), HasSubstr("Timeout"));
  EXPECT_GE(SecondsSince(begin), 0.3);
  EXPECT_LT(SecondsSince(begin), 30.0);
}

TEST_F(MetricsClientTest, StopEndsARequest) {
  timeout_ns_ = 120'000'000'000;
  AnsweringOptions options;
  options.drip_ms = 200;
  AnsweringServer drips("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" +
                            std::string(9000, 'x'),
                        options);
  std::thread stopper([&] {
    while (drips.served() == 0) std::this_thread::yield();
    stop_ = true;
  });
  EXPECT_EQ(Get(drips).status().code(), absl::StatusCode::kUnavailable);
  stopper.join();
}

}  // namespace
}  // namespace plimsoll::workload
