// Real processes are asked for their request counters: prometheus_client with
// and without other workers behind its port, uWSGI, network namespaces.
#include "agent/request_asker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/workload/counter_continuity.h"
#include "tests/procfs/agent/request_question.h"
#include "tests/support/answering_server.h"
#include "tests/support/python_target.h"

namespace plimsoll::agent {
namespace {

using testing::AnsweringServer;
using ::testing::HasSubstr;
using testing::PythonTarget;

constexpr char kPython[] = "/usr/bin/python3";

// `serve(socket)` answers /metrics on it until the process ends.
constexpr char kServe[] = R"(
import os, socket, sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from prometheus_client import Counter, Gauge, make_wsgi_app
requests = Counter("app_requests", "Help.", ["city", "user"])
Gauge("inflight_requests", "Help.").set(7)
vehicles = Gauge("vehicles", "Help.", ["city", "plate"])
class Quiet(WSGIRequestHandler):
    def log_message(self, *words): pass
def listen(host="127.0.0.1", port=0):
    s = socket.socket(); s.bind((host, port)); s.listen(64); return s
def serve(s):
    server = WSGIServer(s.getsockname(), Quiet, bind_and_activate=False)
    server.socket = s
    server.server_name, server.server_port = s.getsockname()
    server.setup_environ()
    server.set_app(make_wsgi_app())
    server.serve_forever()
)";

bool HasPrometheusClient() {
  return std::system(
             "/usr/bin/python3 -c 'import prometheus_client' 2>/dev/null") == 0;
}

class RequestAskerTest : public ::testing::Test {
 protected:
  absl::StatusOr<core::RequestAnswer> Ask(
      const core::RequestQuestion& question) {
    return asker_.Ask(question);
  }
  std::string Why(const core::RequestQuestion& question) {
    const auto answer = Ask(question);
    return answer.ok() ? "it answers" : std::string(answer.status().message());
  }
  std::atomic<bool> stop_ = false;
  RequestAsker asker_{procfs::ProcRoot(), workload::RequestFilter{{"city"}, {}},
                      &stop_, kPatienceNs};
};

TEST_F(RequestAskerTest, TheRealLibrary) {
  if (!HasPrometheusClient()) GTEST_SKIP() << "needs python3-prometheus-client";
  PythonTarget target(kPython, std::string(kServe) + R"(
for i in range(666): requests.labels("sf", str(i % 3)).inc()
for i in range(334): requests.labels("nyc", "x").inc()
vehicles.labels("sf", "a").set(500)
vehicles.labels("sf", "b").set(300)
vehicles.labels("sf", "b").dec(20)
s = listen()
print(s.getsockname()[1], flush=True)
serve(s)
)");
  const int port = std::atoi(target.ReadLine().c_str());
  ASSERT_GT(port, 0);
  const core::RequestQuestion question = QuestionOf(target.pid());
  workload::CounterContinuity continuity(
      question.namespace_pid, question.start_s, question.start_unix_s);
  for (const int asked_port : {port, 0}) {
    core::RequestQuestion with_port = question;
    with_port.metrics = core::MetricsEndpoint{asked_port, "/metrics"};
    const auto answer = Ask(with_port);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->counts.source, "metrics");
    std::map<std::string, double> by_city, vehicles;
    for (const core::RequestCount& count : answer->counts.counts) {
      EXPECT_EQ(count.metric, count.gauge ? "vehicles" : "app_requests_total");
      ASSERT_EQ(count.attributes.size(), 1u) << "no user leaves the node";
      (count.gauge ? vehicles : by_city)[count.attributes[0].second] +=
          count.value;
    }
    EXPECT_EQ(vehicles, (std::map<std::string, double>{{"sf", 780}}));
    EXPECT_EQ(by_city,
              (std::map<std::string, double>{{"sf", 666}, {"nyc", 334}}));
    EXPECT_EQ(answer->sharers, 0);
    EXPECT_TRUE(answer->start_unix_s.has_value());
    EXPECT_TRUE(answer->first_created_unix_s.has_value());
    EXPECT_TRUE(continuity.Check(*answer).ok()) << continuity.Check(*answer);
    // The tick is the proof where others listen too.
    core::RequestAnswer shared = *answer;
    shared.sharers = 1;
    EXPECT_TRUE(continuity.Check(shared).ok()) << continuity.Check(shared);
  }
}

struct Prefork {
  const char* name;
  const char* rest_s;     // between the forks
  const char* listening;  // how each worker comes to its socket
};

class PreforkTest : public RequestAskerTest,
                    public ::testing::WithParamInterface<Prefork> {};

// A prefork server without multiprocess mode: whoever is free answers. What is
// used of one worker is never the count of another; workers that the kernel
// starts in the same tick did look alike.
TEST_P(PreforkTest, NoWorkersCountIsTakenForAnothers) {
  if (!HasPrometheusClient()) GTEST_SKIP() << "needs python3-prometheus-client";
  PythonTarget target(kPython, std::string(kServe) + R"(
import time
shared = listen()
port = shared.getsockname()[1]
def reuse():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("127.0.0.1", port)); s.listen(64); return s
rest, own = float(sys.argv[1]), sys.argv[2] == "own"
if own: shared.close()
print(port, flush=True)
for count in (100, 40):
    if os.fork() == 0:
        requests.labels("sf", "x").inc(count)
        s = reuse() if own else shared
        os.write(1, b"%d %d\n" % (os.getpid(), count))  # at once
        serve(s)
    time.sleep(rest)
sys.stdin.read()
)",
                      {}, {GetParam().rest_s, GetParam().listening});
  const int port = std::atoi(target.ReadLine().c_str());
  ASSERT_GT(port, 0);
  int refused = 0;
  const std::string lines[] = {target.ReadLine(), target.ReadLine()};
  for (const std::string& line : lines) {
    const int32_t worker = std::atoi(line.c_str());
    const double own = std::atoi(line.substr(line.find(' ') + 1).c_str());
    ASSERT_GT(worker, 0);
    core::RequestQuestion question = QuestionOf(worker);
    question.metrics = core::MetricsEndpoint{port, "/metrics"};
    workload::CounterContinuity continuity(
        question.namespace_pid, question.start_s, question.start_unix_s);
    for (int again = 0; again < 8; ++again) {
      const auto answer = Ask(question);
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_EQ(answer->sharers, 1) << "its parent accepts nothing";
      const absl::Status usable = continuity.Check(*answer);
      if (usable.ok()) {
        EXPECT_EQ(answer->counts.counts.at(0).value, own);
        continue;
      }
      ++refused;
      EXPECT_EQ(usable.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(std::string(usable.message()),
                  HasSubstr("counters of several workers"));
    }
  }
  // Both were asked for, and each answer is but of one of them.
  EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, PreforkTest,
    ::testing::Values(Prefork{"AtOnce", "0", "inherited"},
                      Prefork{"OneAfterTheOther", "0.1", "inherited"},
                      Prefork{"ReusePort", "0.1", "own"},
                      Prefork{"ReusePortAtOnce", "0", "own"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(RequestAskerTest, OnlyItsOwnPortsAreAsked) {
  AnsweringServer ours("HTTP/1.1 200 OK\r\n\r\nx_requests_total 1\n");
  PythonTarget target(kPython, R"(
import socket
for i in range(2):
    s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1)
    globals()["kept%d" % i] = s
print("ready", flush=True)
input()
)");
  ASSERT_EQ(target.ReadLine(), "ready");
  core::RequestQuestion question = QuestionOf(target.pid());
  question.metrics = core::MetricsEndpoint{ours.port(), "/metrics"};
  EXPECT_EQ(Why(question), "it does not listen on port " +
                               std::to_string(ours.port()) + " itself");
  question.metrics->port = 0;
  EXPECT_THAT(Why(question), HasSubstr("it listens on 2 ports"));
  // A command line cannot send the agent elsewhere either.
  question.metrics.reset();
  question.uwsgi = true;
  question.uwsgi_address = "127.0.0.1:" + std::to_string(ours.port());
  EXPECT_THAT(Why(question), HasSubstr("it does not listen on port"));
  EXPECT_EQ(ours.served(), 0);
}

TEST_F(RequestAskerTest, WhatItAnswersIsToldInWords) {
  core::RequestQuestion question = QuestionOf(::getpid());
  const auto why = [&](const std::string& head, const std::string& body) {
    AnsweringServer server("HTTP/1.1 200 OK\r\n" + head + "\r\n" + body);
    question.metrics = core::MetricsEndpoint{server.port(), "/metrics"};
    return Why(question);
  };
  EXPECT_EQ(why("", "x_requests_total 1\n"), "it answers");
  EXPECT_EQ(why("Content-Type: text/plain;version=1.0.0\r\n",
                "{\"x_requests_total\"} 1\n"),
            "it answers");
  EXPECT_THAT(why("Content-Type: text/html\r\n", "<p>"),
              HasSubstr("it answers text/html, which is no metrics text"));
  EXPECT_THAT(why("", "x 1\nnothing here\n"), HasSubstr("line 2: no value"));
  EXPECT_THAT(why("Content-Type: application/openmetrics-text\r\n",
                  "x_requests_total 1\n"),
              HasSubstr("no # EOF"));
  EXPECT_THAT(why("", "up 1\n"), HasSubstr("have no request counter"));
}

TEST_F(RequestAskerTest, AnotherLifeOfThePidIsNotFound) {
  AnsweringServer server("HTTP/1.1 200 OK\r\n\r\nx_requests_total 1\n");
  core::RequestQuestion question = QuestionOf(::getpid());
  question.metrics = core::MetricsEndpoint{server.port(), "/metrics"};
  question.id.start_ticks += 1;
  EXPECT_EQ(Ask(question).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(server.served(), 0);
}

TEST_F(RequestAskerTest, OtherNetworkNamespaces) {
  // Listens where the test says, in a namespace of its own.
  PythonTarget target(kPython, R"(
import ctypes, fcntl, socket, struct, sys
if ctypes.CDLL(None).unshare(0x40000000) != 0:
    print("no", flush=True); sys.exit()
# SIOCSIFFLAGS: its loopback is down.
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 0x41))
print("yes", flush=True)
while True:
    host, port = input().split()
    s = socket.socket(); s.bind((host, int(port))); s.listen(1)
    print("ready", flush=True)
    input(); s.close(); print("closed", flush=True)
)");
  if (target.ReadLine() != "yes") GTEST_SKIP() << "may not make a namespace";
  AnsweringServer ours("HTTP/1.1 200 OK\r\n\r\nx_requests_total 1\n");
  const std::string port = std::to_string(ours.port());
  core::RequestQuestion question = QuestionOf(target.pid());
  question.metrics = core::MetricsEndpoint{ours.port(), "/metrics"};
  // The address of its pod, which is this server's here.
  ASSERT_TRUE(target.WriteLine("0.0.0.0 " + port));
  ASSERT_EQ(target.ReadLine(), "ready");
  EXPECT_THAT(Why(question), HasSubstr("the address of its pod is not known"));
  EXPECT_EQ(ours.served(), 0);
  question.pod_ip = "127.0.0.1";
  EXPECT_EQ(Why(question), "it answers");
  EXPECT_EQ(ours.served(), 1);
  ASSERT_TRUE(target.WriteLine(""));
  ASSERT_EQ(target.ReadLine(), "closed");
  // Nobody but its own namespace can reach that.
  ASSERT_TRUE(target.WriteLine("127.0.0.2 " + port));
  ASSERT_EQ(target.ReadLine(), "ready");
  EXPECT_THAT(Why(question), HasSubstr("on the loopback of its own network"));
  EXPECT_EQ(ours.served(), 1);
}

}  // namespace
}  // namespace plimsoll::agent
