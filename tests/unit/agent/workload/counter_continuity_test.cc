#include "agent/workload/counter_continuity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/workload/request_filter.h"

namespace plimsoll::workload {
namespace {

using ::testing::HasSubstr;

constexpr double kStartS = 5000.37;  // ticks are hundredths
constexpr double kBootUnixS = 1'700'000'000;

CounterContinuity Of42() {
  // The agent's own reading of the start has another fraction.
  return {42, kStartS, kBootUnixS + kStartS + 0.41};
}

core::RequestAnswer Counts(std::vector<double> values) {
  core::RequestAnswer answer;
  for (size_t i = 0; i < values.size(); ++i) {
    answer.counts.counts.push_back({"requests_total",
                                    {{"city", "c" + std::to_string(i)}},
                                    values[i],
                                    false});
  }
  return answer;
}

core::RequestAnswer StartedAt(double start_unix_s, int sharers) {
  core::RequestAnswer answer = Counts({1});
  answer.start_unix_s = start_unix_s;
  answer.sharers = sharers;
  return answer;
}

TEST(CounterContinuityTest, CountsThatGrowAreUsed) {
  CounterContinuity continuity = Of42();
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(continuity.Check(Counts({1.0 * i, 7})).ok()) << i;
  }
}

// Two workers without multiprocess mode answer in turn.
TEST(CounterContinuityTest, CountsThatFallAndRiseAreOfSeveralProcesses) {
  CounterContinuity continuity = Of42();
  EXPECT_TRUE(continuity.Check(Counts({100})).ok());
  const absl::Status doubt = continuity.Check(Counts({40}));
  EXPECT_EQ(doubt.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(doubt.message()),
              HasSubstr("requests_total fell from 100 to 40"));
  const absl::Status jump = continuity.Check(Counts({103}));
  EXPECT_EQ(jump.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(jump.message()),
      HasSubstr("fell from 100 to 40 without a restart and rose to 103: "
                "several processes answer in turn"));
  EXPECT_THAT(std::string(jump.message()), HasSubstr("multiprocess mode"));
  // So it stays, whatever comes.
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(continuity.Check(Counts({200.0 + i})), jump);
  }
}

// The workers have about as many in all, but not of each kind.
TEST(CounterContinuityTest, OneSeriesIsEnough) {
  CounterContinuity continuity = Of42();
  EXPECT_TRUE(continuity.Check(Counts({100, 10})).ok());
  EXPECT_FALSE(continuity.Check(Counts({60, 90})).ok());
  EXPECT_EQ(continuity.Check(Counts({110, 12})).code(),
            absl::StatusCode::kFailedPrecondition);
}

// A worker that answers for a long time, then the other one again.
TEST(CounterContinuityTest, ARareJumpIsSeenToo) {
  CounterContinuity continuity = Of42();
  EXPECT_TRUE(continuity.Check(Counts({1000})).ok());
  for (int i = 0; i < 20; ++i) (void)continuity.Check(Counts({400.0 + i}));
  EXPECT_TRUE(continuity.Check(Counts({430})).ok());
  EXPECT_EQ(continuity.Check(Counts({1010})).code(),
            absl::StatusCode::kFailedPrecondition);
}

// The service cleared its counters: they begin anew and grow as they did.
TEST(CounterContinuityTest, OneResetIsNone) {
  CounterContinuity continuity = Of42();
  EXPECT_TRUE(continuity.Check(Counts({100})).ok());
  EXPECT_FALSE(continuity.Check(Counts({3})).ok());
  int used = 0;
  for (int i = 1; i < 40; ++i) {
    used += continuity.Check(Counts({3 + 10.0 * i})).ok() ? 1 : 0;
  }
  EXPECT_EQ(used, 37) << "but for the fall and the two after it";
}

TEST(CounterContinuityTest, SeveralFallsInARowAreNoReset) {
  CounterContinuity continuity = Of42();
  EXPECT_TRUE(continuity.Check(Counts({100})).ok());
  EXPECT_FALSE(continuity.Check(Counts({80})).ok());
  EXPECT_EQ(continuity.Check(Counts({60})).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(CounterContinuityTest, AStartTimeThatChangesIsAnotherProcess) {
  CounterContinuity continuity = Of42();
  EXPECT_TRUE(continuity.Check(StartedAt(1234.5, 0)).ok())
      << "a clock of its own";
  EXPECT_TRUE(continuity.Check(StartedAt(1234.5, 0)).ok());
  const absl::Status other = continuity.Check(StartedAt(1234.52, 0));
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.message()),
              HasSubstr("started at different times"));
}

TEST(CounterContinuityTest, OnASharedPortTheStartMustBeItsOwnToTheTick) {
  EXPECT_TRUE(Of42().Check(StartedAt(kBootUnixS + kStartS, 3)).ok());
  for (const double off : {0.01, -0.03, 4.0}) {
    const absl::Status other =
        Of42().Check(StartedAt(kBootUnixS + kStartS + off, 3));
    EXPECT_THAT(std::string(other.message()),
                HasSubstr("shares its port with 3 more, and one of them"))
        << off;
  }
  core::RequestAnswer silent = Counts({1});
  silent.sharers = 1;
  EXPECT_THAT(std::string(Of42().Check(silent).message()),
              HasSubstr("answers do not say whose they are"));
  core::RequestAnswer twin = StartedAt(kBootUnixS + kStartS, 1);
  twin.twins = 1;
  EXPECT_THAT(std::string(Of42().Check(twin).message()),
              HasSubstr("started in the same moment"));
  silent.sharers = 0;
  EXPECT_TRUE(Of42().Check(silent).ok());
}

TEST(CounterContinuityTest, APidSaysIt) {
  core::RequestAnswer answer = Counts({1});
  answer.answering_pid = 42;
  CounterContinuity continuity = Of42();
  EXPECT_TRUE(continuity.Check(answer).ok());
  answer.answering_pid = 43;
  EXPECT_THAT(std::string(continuity.Check(answer).message()),
              HasSubstr("process 43 answered for it"));
}

TEST(CounterContinuityTest, ACounterThatGetsOlderIsAnothers) {
  CounterContinuity continuity = Of42();
  core::RequestAnswer answer = Counts({1});
  answer.first_created_unix_s = 1000;
  EXPECT_TRUE(continuity.Check(answer).ok());
  answer.first_created_unix_s = 1010;  // the oldest was removed
  EXPECT_TRUE(continuity.Check(answer).ok());
  answer.first_created_unix_s = 1003;
  EXPECT_THAT(std::string(continuity.Check(answer).message()),
              HasSubstr("older than before"));
}

// What is summed as the rest changes when a value gets a name of its own.
TEST(CounterContinuityTest, TheRestMayFall) {
  CounterContinuity continuity = Of42();
  core::RequestAnswer answer = Counts({1});
  answer.counts.counts[0].attributes[0].second = kOther;
  for (const double value : {50.0, 20.0, 60.0, 10.0}) {
    answer.counts.counts[0].value = value;
    EXPECT_TRUE(continuity.Check(answer).ok());
  }
}

}  // namespace
}  // namespace plimsoll::workload
