#include "agent/request_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "tests/procfs/agent/request_question.h"
#include "tests/support/answering_server.h"

namespace plimsoll::agent {
namespace {

using testing::AnsweringOptions;
using testing::AnsweringServer;

// The loop's queue: work that other threads have posted.
class Loop {
 public:
  RequestWorker::Post post() {
    return [this](std::function<void()> work) {
      const std::lock_guard lock(mutex_);
      posted_.push_back(std::move(work));
      wake_.notify_all();
    };
  }
  // Runs one; false when none came in time.
  bool RunOne(std::chrono::seconds most = std::chrono::seconds(30)) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait_for(lock, most, [this] { return !posted_.empty(); })) {
        return false;
      }
      work = std::move(posted_.front());
      posted_.pop_front();
    }
    work();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> posted_;
};

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
      .count();
}

TEST(RequestWorkerTest, AnswersComeOnTheLoopsThread) {
  AnsweringServer server("HTTP/1.1 200 OK\r\n\r\nx_requests_total 5\n");
  Loop loop;
  RequestWorker worker(procfs::ProcRoot(), {}, 0.5, loop.post());
  core::RequestQuestion question = QuestionOf(::getpid());
  question.metrics = core::MetricsEndpoint{server.port(), "/metrics"};
  std::thread::id answered;
  double value = 0;
  // On a busy machine the server may be late once.
  for (int i = 0; i < 10 && value == 0; ++i) {
    worker.Ask(question, [&](absl::StatusOr<core::RequestAnswer> answer) {
      answered = std::this_thread::get_id();
      if (answer.ok()) value = answer->counts.counts.at(0).value;
    });
    ASSERT_TRUE(loop.RunOne());
  }
  EXPECT_EQ(answered, std::this_thread::get_id());
  EXPECT_EQ(value, 5);
}

// A service that hangs costs the loop nothing, and the agent's end little.
TEST(RequestWorkerTest, NeitherAskingNorEndingWaits) {
  AnsweringOptions options;
  options.drip_ms = 100;
  AnsweringServer hangs("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" +
                            std::string(9000, 'x'),
                        options);
  Loop loop;
  int full = 0;
  auto begin = std::chrono::steady_clock::now();
  {
    RequestWorker worker(procfs::ProcRoot(), {}, 0.5, loop.post());
    core::RequestQuestion question = QuestionOf(::getpid());
    question.metrics = core::MetricsEndpoint{hangs.port(), "/metrics"};
    begin = std::chrono::steady_clock::now();
    for (size_t i = 0; i < RequestWorker::kMostWaiting + 10; ++i) {
      worker.Ask(question, [&](absl::StatusOr<core::RequestAnswer> answer) {
        full += absl::IsResourceExhausted(answer.status()) ? 1 : 0;
      });
    }
    EXPECT_LT(SecondsSince(begin), 1.0);
    while (hangs.served() == 0) std::this_thread::yield();
    begin = std::chrono::steady_clock::now();
  }
  EXPECT_LT(SecondsSince(begin), 20.0) << "not the 2 s of each that waits";
  while (loop.RunOne(std::chrono::seconds(0))) {
  }
  EXPECT_GE(full, 9);
  EXPECT_LE(full, 10);
}

TEST(RequestWorkerTest, ASpentBudgetIsSaid) {
  AnsweringServer server("HTTP/1.1 200 OK\r\n\r\nx_requests_total 5\n");
  Loop loop;
  RequestWorker worker(procfs::ProcRoot(), {}, /*cpu_share=*/0, loop.post(),
                       /*cpu_burst_ns=*/0);
  core::RequestQuestion question = QuestionOf(::getpid());
  question.metrics = core::MetricsEndpoint{server.port(), "/metrics"};
  absl::Status last;
  worker.Ask(question, [&](absl::StatusOr<core::RequestAnswer> answer) {
    last = answer.status();
  });
  ASSERT_TRUE(loop.RunOne());
  EXPECT_EQ(server.served(), 0);
  EXPECT_EQ(last.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(last.message()).find("budget"), std::string::npos);
}

}  // namespace
}  // namespace plimsoll::agent
