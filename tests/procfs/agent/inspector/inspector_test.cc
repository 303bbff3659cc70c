// The inspector's child and its clients, on real processes.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "agent/inspector/blocking_inspector.h"
#include "agent/inspector/inspector_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/procfs/agent/inspector/inspector_options.h"
#include "tests/support/heap_target.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::inspector {
namespace {

using ::testing::HasSubstr;
using testing::HeapTarget;

class Inspector : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto pythons = testing::SupportedPythons();
    if (pythons.empty()) GTEST_SKIP() << "no supported Python is installed";
    target_ = std::make_unique<HeapTarget>(pythons.back(),
                                           std::vector<std::string>{"5000"});
    ASSERT_TRUE(target_->running() && target_->Next());
    code_ = static_cast<uint64_t>(target_->Number("code"));
    ASSERT_TRUE(target_->WriteLine("go") && target_->Next());
    Start(Options());
  }
  void Start(InspectorOptions options) {
    auto inspector = BlockingInspector::Make(std::move(options));
    ASSERT_TRUE(inspector.ok()) << inspector.status();
    inspector_ = *std::move(inspector);
  }
  int64_t Vehicles(const core::HeapCensus& census) {
    for (const core::TypeCount& row : census.types) {
      if (row.type == "routing.vehicles.FloatingVehicle") return row.objects;
    }
    return 0;
  }

  std::unique_ptr<HeapTarget> target_;
  uint64_t code_ = 0;  // a function's code object
  std::unique_ptr<BlockingInspector> inspector_;
};

TEST_F(Inspector, IdentifiesCountsAndNames) {
  const auto python = inspector_->Identify(target_->pid());
  ASSERT_TRUE(python.ok()) << python.status();
  EXPECT_GT(python->start_ticks, 0u);
  const auto census = inspector_->TakeCensus(*python, {});
  ASSERT_TRUE(census.ok()) << census.status();
  EXPECT_EQ(Vehicles(*census), 5000);
  EXPECT_EQ(census->coverage.seen, census->coverage.total);
  EXPECT_GT(census->duration_ns, 0);
  EXPECT_EQ(census->gc.generations.size(), 3u);
  EXPECT_EQ(census->gc.enabled, false);
  const auto headers = inspector_->TakeCensus(*python, {.headers_only = true});
  ASSERT_TRUE(headers.ok()) << headers.status();
  EXPECT_EQ(headers->coverage.total, census->coverage.total);
  EXPECT_TRUE(headers->types.empty());
  // Where there is no code object: named as not known, not refused.
  const uint64_t first_instruction =
      python->code.code_adaptive > 0
          ? code_ + static_cast<uint64_t>(python->code.code_adaptive)
          : 0;
  const auto frames =
      inspector_->Symbolize(*python, {{code_, first_instruction}, {0x1000, 0}});
  ASSERT_TRUE(frames.ok()) << frames.status();
  ASSERT_EQ(frames->size(), 2u);
  EXPECT_EQ((*frames)[0].function, "trips");
  EXPECT_EQ((*frames)[0].file, "<string>");
  EXPECT_GT((*frames)[0].line, 1);
  EXPECT_EQ((*frames)[1].function, "<unknown>");
  EXPECT_EQ(inspector_->stats().crashes, 0);
}

TEST_F(Inspector, FewTypesAreKeptAndTheRestIsSummed) {
  const auto python = inspector_->Identify(target_->pid());
  ASSERT_TRUE(python.ok()) << python.status();
  const auto all = inspector_->TakeCensus(*python, {.max_types = 0});
  const auto few = inspector_->TakeCensus(*python, {.max_types = 3});
  ASSERT_TRUE(all.ok() && few.ok());
  ASSERT_EQ(few->types.size(), 3u);
  EXPECT_EQ(few->other_types + 3, static_cast<int64_t>(all->types.size()));
  int64_t bytes_all = 0, bytes_few = few->other_bytes;
  for (const auto& t : all->types) bytes_all += t.bytes;
  for (const auto& t : few->types) bytes_few += t.bytes;
  EXPECT_EQ(bytes_all, bytes_few);
}

TEST_F(Inspector, TheChildIsConfined) {
  const int32_t child = inspector_->stats().child_pid;
  ASSERT_TRUE(inspector_->Identify(target_->pid()).ok());
  EXPECT_EQ(StatusField(child, "Seccomp"), "2");
  EXPECT_EQ(StatusField(child, "NoNewPrivs"), "1");
  // At most CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE.
  const uint64_t capabilities =
      std::stoull(StatusField(child, "CapPrm"), nullptr, 16);
  EXPECT_EQ(capabilities & ~(1ull << 2 | 1ull << 19 | 1ull << 40), 0u);
  int descriptors = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(
           "/proc/" + std::to_string(child) + "/fd")) {
    ++descriptors;
  }
  EXPECT_EQ(descriptors, 4);
  std::cout << "child RSS " << StatusField(child, "VmRSS") << ", address space "
            << StatusField(child, "VmSize") << "\n";
}

TEST_F(Inspector, ADeadChildIsCountedAndReplaced) {
  const auto python = inspector_->Identify(target_->pid());
  ASSERT_TRUE(python.ok()) << python.status();
  const int32_t child = inspector_->stats().child_pid;
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  const auto failed = inspector_->TakeCensus(*python, {});
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(failed.status().message()),
              HasSubstr("pid " + std::to_string(target_->pid())));
  EXPECT_EQ(inspector_->stats().crashes, 1);
  const auto census = inspector_->TakeCensus(*python, {});
  ASSERT_TRUE(census.ok()) << census.status();
  EXPECT_EQ(Vehicles(*census), 5000);
  EXPECT_NE(inspector_->stats().child_pid, child);
  EXPECT_EQ(inspector_->stats().starts, 2);
}

TEST_F(Inspector, ACrashOfTheParserRefusesTheTarget) {
  const int32_t child = inspector_->stats().child_pid;
  ASSERT_EQ(::kill(child, SIGSEGV), 0);
  EXPECT_EQ(inspector_->Identify(target_->pid()).status().code(),
            absl::StatusCode::kInternal);
  const auto refused = inspector_->Identify(target_->pid());
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("refused"));
  EXPECT_EQ(inspector_->stats().refusals, 1);
  // Others are served.
  EXPECT_EQ(inspector_->Identify(::getpid()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(Inspector, AStuckChildMeetsItsDeadline) {
  auto options = Options();
  // On a busy machine the next child needs most of a second.
  options.request_timeout_ns = 2'000 * kMs;
  Start(options);
  ASSERT_EQ(::kill(inspector_->stats().child_pid, SIGSTOP), 0);
  const int64_t began = MonotonicNs();
  EXPECT_EQ(inspector_->Identify(target_->pid()).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(MonotonicNs() - began, 10'000 * kMs);
  EXPECT_EQ(inspector_->stats().timeouts, 1);
  EXPECT_EQ(inspector_->stats().crashes, 0);
  EXPECT_EQ(inspector_->Identify(1 << 30).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(Inspector, AWaitCanBeGivenUp) {
  ASSERT_EQ(::kill(inspector_->stats().child_pid, SIGSTOP), 0);
  inspector_->set_progress([](int64_t) { return false; });
  EXPECT_EQ(inspector_->Identify(target_->pid()).status().code(),
            absl::StatusCode::kCancelled);
  inspector_->set_progress(nullptr);
  EXPECT_TRUE(inspector_->Identify(target_->pid()).ok());
}

TEST_F(Inspector, WhatIsNotPythonIsSaidSo) {
  const auto python = inspector_->Identify(::getpid());
  EXPECT_EQ(python.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(inspector_->Identify(-1).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(Inspector, AnotherProcessUnderThePidIsRefused) {
  auto python = inspector_->Identify(target_->pid());
  ASSERT_TRUE(python.ok()) << python.status();
  ++python->start_ticks;
  EXPECT_EQ(inspector_->TakeCensus(*python, {}).status().code(),
            absl::StatusCode::kNotFound);
  // The same process, another program: the addresses are another's.
  --python->start_ticks;
  python->type_type_address += 16;
  EXPECT_EQ(inspector_->TakeCensus(*python, {}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(Inspector, TargetsThatDieWhileTheyAreReadHarmNothing) {
  std::mt19937 random(7);
  for (int i = 0; i < 12; ++i) {
    auto target = std::make_unique<HeapTarget>(
        testing::SupportedPythons().back(), std::vector<std::string>{"20000"});
    ASSERT_TRUE(target->Next() && target->WriteLine("go") && target->Next());
    const auto python = inspector_->Identify(target->pid());
    ASSERT_TRUE(python.ok()) << python.status();
    std::thread killer([&] {
      ::usleep(random() % 6000);
      ::kill(target->pid(), SIGKILL);
    });
    for (int j = 0; j < 10; ++j) {
      const auto census = inspector_->TakeCensus(*python, {});
      if (census.ok()) continue;
      EXPECT_EQ(census.status().code(), absl::StatusCode::kNotFound)
          << census.status();
      break;
    }
    killer.join();
  }
  EXPECT_EQ(inspector_->stats().crashes, 0);
  EXPECT_EQ(inspector_->stats().starts, 1);
}

TEST_F(Inspector, MemoryPastTheLimitFailsOneRequestOnly) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer needs more address space than any limit";
#endif
  const auto python = inspector_->Identify(target_->pid());
  ASSERT_TRUE(python.ok()) << python.status();
  const std::string size = StatusField(inspector_->stats().child_pid, "VmSize");
  auto options = Options();
  options.memory_limit_bytes = (std::stoull(size) << 10) + (8 << 20);
  Start(options);
  ASSERT_TRUE(inspector_->Identify(target_->pid()).ok());
  const auto frames = inspector_->Symbolize(
      *python, std::vector<core::RawFrame>(60000, {0x1000, 0}));
  EXPECT_THAT(frames.status().code(),
              ::testing::AnyOf(absl::StatusCode::kResourceExhausted,
                               absl::StatusCode::kInternal))
      << frames.status();
  EXPECT_EQ(inspector_->Identify(1 << 30).status().code(),
            absl::StatusCode::kNotFound);
}

// A child that was taken over may answer anything.
TEST_F(Inspector, NonsenseFromTheChildIsAnErrorNotMore) {
  testing::TempDir directory;
  const std::string answers[] = {
      "\\377\\377\\377\\377",                 // a length past the bound
      "\\003\\000\\000\\000\\377\\377\\377",  // does not decode
      "\\000\\000\\000\\000",                 // an answer to no question
      "\\100\\000\\000\\000\\012",            // truncated
  };
  for (const std::string& answer : answers) {
    const std::string path = directory.path() / "child";
    std::ofstream(path) << "#!/bin/sh\nhead -c 1 <&3 >/dev/null\nprintf '"
                        << answer << "' >&3\n";
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
    auto options = Options();
    options.program = path;
    Start(options);
    const auto python = inspector_->Identify(target_->pid());
    EXPECT_EQ(python.status().code(), absl::StatusCode::kInternal)
        << answer << ": " << python.status();
    EXPECT_EQ(inspector_->stats().crashes, 1) << answer;
  }
}

TEST(InspectorClientTest, AMissingProgramIsFoundAtOnce) {
  auto options = Options();
  options.program = "/nonexistent/plimsoll-inspector";
  const auto client = InspectorClient::Make(options, MonotonicNs);
  EXPECT_EQ(client.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(client.status().message()),
              HasSubstr("/nonexistent/plimsoll-inspector"));
}

// One loop, several calls at once: all are answered, in order, none from within
// the call, over a death of the child.
TEST_F(Inspector, TheLoopsClientAnswersEachCallOnce) {
  auto client = *InspectorClient::Make(Options(), MonotonicNs);
  std::vector<int> answered;
  for (int i = 0; i < 8; ++i) {
    client->Identify(i % 2 ? target_->pid() : 1 << 30,
                     [&answered, i](absl::StatusOr<core::PythonProcess> p) {
                       // 0 may meet the child's end.
                       EXPECT_TRUE(i == 0 || p.ok() == (i % 2 == 1));
                       answered.push_back(i);
                     });
  }
  EXPECT_TRUE(answered.empty());
  ::kill(client->stats().child_pid, SIGKILL);
  const int64_t until = MonotonicNs() + 20'000 * kMs;
  while (answered.size() < 8 && MonotonicNs() < until) {
    pollfd ready{.fd = client->fd(), .events = POLLIN, .revents = 0};
    ::poll(&ready, 1, 20);
    if (ready.revents & POLLIN) client->OnReadable();
    client->OnTimer(MonotonicNs());
  }
  EXPECT_EQ(answered, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(client->stats().crashes, 1);
}

TEST(ChildProcessTest, GarbageIsAnsweredAndATruncatedRequestEndsIt) {
  auto child = ChildProcess::Start(Options().program, 512 << 20);
  ASSERT_TRUE(child.ok()) << child.status();
  const std::string garbage = *Frame("\xff\xff\xff");
  ASSERT_EQ(::send(child->socket(), garbage.data(), garbage.size(), 0),
            static_cast<ssize_t>(garbage.size()));
  pollfd ready{.fd = child->socket(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, 10'000), 1);
  char bytes[512];
  EXPECT_GT(::recv(child->socket(), bytes, sizeof(bytes), 0), 4);
  // Half a request, then nothing more: the child ends as it is left alone.
  ASSERT_EQ(::send(child->socket(), garbage.data(), 2, 0), 2);
  ::shutdown(child->socket(), SHUT_WR);
  ASSERT_EQ(::poll(&ready, 1, 10'000), 1);
  EXPECT_EQ(::recv(child->socket(), bytes, sizeof(bytes), 0), 0);
}

}  // namespace
}  // namespace plimsoll::inspector
