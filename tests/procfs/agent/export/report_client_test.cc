#include "agent/export/report_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "agent/export/report_encoder.h"
#include "agent/export/spool.h"
#include "tests/support/fake_collector.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::exporter {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAreArray;
using testing::FakeCollector;
using testing::TempDir;

class ReportClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto spool = Spool::Open(
        {dir_.path().string(), 64 << 20, "0123456789abcdef0123456789abcdef"});
    ASSERT_TRUE(spool.ok()) << spool.status();
    spool_ = *std::move(spool);
  }
  std::unique_ptr<ReportClient> Connect() {
    ReportClientOptions options;
    options.collector.address = collector_.address();
    options.agent_id = "agent-1";
    options.min_backoff = min_backoff_;
    options.max_backoff = max_backoff_;
    options.ack_timeout = ack_timeout_;
    options.ack_check = milliseconds(20);
    options.random_seed = 1;
    options.on_command = [this](core::Command command) {
      std::lock_guard lock(mutex_);
      commands_.push_back(std::move(command));
    };
    return std::make_unique<ReportClient>(std::move(options), spool_.get());
  }
  void Append(int count) {
    core::NodeReport report;
    report.boot_id = "boot";
    std::string payload = EncodeReport(report, {}).batches[0];
    for (int i = 0; i < count; ++i) {
      auto seq = spool_->Append(payload);
      ASSERT_TRUE(seq.ok()) << seq.status();
      appended_.push_back(*seq);
    }
  }
  bool WaitUntilStored() {
    return collector_.WaitFor(
        [&] { return collector_.stored().seqs.size() >= appended_.size(); });
  }
  void ExpectEachStoredOnce() {
    EXPECT_THAT(collector_.stored().seqs, ElementsAreArray(appended_));
  }

  milliseconds ack_timeout_{20'000};
  milliseconds min_backoff_{5}, max_backoff_{50};
  TempDir dir_{TempDir::InMemory()};
  FakeCollector collector_;
  std::unique_ptr<Spool> spool_;
  std::vector<uint64_t> appended_;
  std::mutex mutex_;
  std::vector<core::Command> commands_;
};

TEST_F(ReportClientTest, ShipsTheSpoolInOrderAndEmptiesIt) {
  collector_.Start();
  Append(100);
  auto client = Connect();
  ASSERT_TRUE(WaitUntilStored());
  ASSERT_TRUE(client->Drain(milliseconds(10'000)));
  ExpectEachStoredOnce();
  EXPECT_EQ(collector_.stored().duplicates, 0);
  EXPECT_EQ(collector_.hellos()[0].agent_id(), "agent-1");
  EXPECT_EQ(collector_.hellos()[0].first_seq(), 1u);
  // What comes later goes over the same stream.
  Append(1);
  client->PostBatchReady();
  ASSERT_TRUE(WaitUntilStored());
  EXPECT_EQ(collector_.hellos().size(), 1u);
}

TEST_F(ReportClientTest, CollectorDownThenUp) {
  collector_.Start();
  collector_.Stop();  // the port is known, nobody listens
  Append(10);
  auto client = Connect();
  ASSERT_TRUE(
      collector_.WaitFor([&] { return !client->state().last_error.empty(); }));
  EXPECT_FALSE(client->state().connected);
  EXPECT_EQ(spool_->first_seq(), 1u);
  collector_.Start();
  ASSERT_TRUE(WaitUntilStored());
  ExpectEachStoredOnce();
}

TEST_F(ReportClientTest, CollectorRestartedMidway) {
  collector_.Start();
  collector_.Set({.delay = milliseconds(2)});
  Append(200);
  auto client = Connect();
  for (size_t mark : {20u, 60u, 120u}) {
    ASSERT_TRUE(collector_.WaitFor(
        [&] { return collector_.stored().seqs.size() >= mark; }));
    collector_.Stop();
    collector_.Start();
  }
  ASSERT_TRUE(WaitUntilStored());
  ExpectEachStoredOnce();
  EXPECT_GE(client->state().connections, 4);
}

TEST_F(ReportClientTest, StreamsThatEndAgainAndAgain) {
  collector_.Start();
  collector_.Set({.end_stream_after = 7});
  Append(100);
  auto client = Connect();
  ASSERT_TRUE(WaitUntilStored());
  ExpectEachStoredOnce();
}

TEST_F(ReportClientTest, LostAcksAreSentAgainAndNotDoubled) {
  ack_timeout_ = milliseconds(200);
  collector_.Start();
  collector_.Set({.lose_acks = 5});
  Append(5);
  auto client = Connect();
  ASSERT_TRUE(WaitUntilStored());
  // Nothing was acknowledged, so all of it is still here until the next
  // stream's Welcome says that it is stored.
  ASSERT_TRUE(client->Drain(milliseconds(10'000)));
  ExpectEachStoredOnce();
  EXPECT_GE(client->state().connections, 2);
}

// At its end, with a collector that is away and was for so long that tries are
// half an hour apart.
TEST_F(ReportClientTest, DrainingTriesAgainAtOnce) {
  collector_.Start();
  collector_.Stop();
  Append(10);
  min_backoff_ = max_backoff_ = milliseconds(1'800'000);
  auto client = Connect();
  ASSERT_TRUE(
      collector_.WaitFor([&] { return !client->state().last_error.empty(); }));
  EXPECT_FALSE(client->Drain(milliseconds(50)));
  collector_.Start();
  EXPECT_TRUE(client->Drain(milliseconds(10'000)));
  ExpectEachStoredOnce();
}

TEST_F(ReportClientTest, SlowCollectorBoundsWhatIsOnTheWay) {
  collector_.Start();
  collector_.Set({.delay = milliseconds(300)});
  Append(100);
  auto client = Connect();
  ASSERT_TRUE(
      collector_.WaitFor([&] { return !collector_.stored().seqs.empty(); }));
  EXPECT_LE(client->state().batches_sent, 18);
  collector_.Set({});
  ASSERT_TRUE(WaitUntilStored());
  ExpectEachStoredOnce();
}

TEST_F(ReportClientTest, AgentRestartedGoesOnWhereTheCollectorStands) {
  collector_.Start();
  collector_.Set({.lose_acks = 1000});
  Append(10);
  auto client = Connect();
  ASSERT_TRUE(WaitUntilStored());
  client.reset();
  spool_.reset();
  SetUp();
  EXPECT_EQ(spool_->first_seq(), 1u);
  collector_.Set({});
  Append(10);
  EXPECT_EQ(appended_.back(), 20u);
  client = Connect();
  ASSERT_TRUE(WaitUntilStored());
  ExpectEachStoredOnce();
  EXPECT_EQ(collector_.stored().duplicates, 0);
}

TEST_F(ReportClientTest, BatchOverTheCollectorsBoundIsCountedAndPassed) {
  collector_.Start();
  collector_.Set({.max_batch_bytes = 100});
  Append(1);
  core::NodeReport large;
  large.boot_id = std::string(200, 'b');
  ASSERT_TRUE(spool_->Append(EncodeReport(large, {}).batches[0]).ok());
  ASSERT_TRUE(spool_->Append("not a batch").ok());
  Append(1);
  auto client = Connect();
  ASSERT_TRUE(WaitUntilStored());
  ASSERT_TRUE(client->Drain(milliseconds(10'000)));
  ExpectEachStoredOnce();
  EXPECT_EQ(client->state().losses["batch_too_large"], 1);
  EXPECT_EQ(client->state().losses["spool_corrupt"], 1);
}

TEST_F(ReportClientTest, CommandsComeAndResultsGo) {
  collector_.Start();
  v1::Command command;
  command.set_id(7);
  command.mutable_process()->set_pid(42);
  command.mutable_process()->set_boot_id("boot");
  command.mutable_open_window()->set_duration_ns(1'000);
  command.mutable_open_window()->add_types("m.C");
  collector_.SendOnNextStream(command);
  collector_.SendOnNextStream(v1::Command());
  auto client = Connect();
  ASSERT_TRUE(collector_.WaitFor([&] {
    std::lock_guard lock(mutex_);
    return commands_.size() == 2;
  }));
  {
    std::lock_guard lock(mutex_);
    EXPECT_EQ(commands_[0].id, 7u);
    EXPECT_EQ(commands_[0].kind, core::CommandKind::kOpenWindow);
    EXPECT_EQ(commands_[0].process.pid, 42);
    EXPECT_THAT(commands_[0].types, ::testing::ElementsAre("m.C"));
    EXPECT_EQ(commands_[1].kind, core::CommandKind::kUnknown);
  }
  client->PostResult({7, core::CommandOutcome::kRefused, "too dear"});
  ASSERT_TRUE(
      collector_.WaitFor([&] { return collector_.results().size() == 1; }));
  EXPECT_EQ(collector_.results()[0].outcome(),
            v1::CommandResult::OUTCOME_REFUSED);
  EXPECT_EQ(collector_.results()[0].reason(), "too dear");
}

// One minor newer: fields, a message and a command that this agent does not
// know.
TEST_F(ReportClientTest, ANewerCollectorIsUnderstoodAsFarAsItIsKnown) {
  collector_.Start();
  collector_.Set({.newer = true});
  v1::Command command;
  command.set_id(7);
  command.mutable_open_window()->add_types("m.C");
  collector_.SendOnNextStream(command);
  Append(20);
  auto client = Connect();
  ASSERT_TRUE(WaitUntilStored());
  EXPECT_TRUE(client->Drain(milliseconds(5000)));
  ExpectEachStoredOnce();
  EXPECT_EQ(client->state().connections, 1);
  std::lock_guard lock(mutex_);
  ASSERT_EQ(commands_.size(), 1u);
  EXPECT_EQ(commands_[0].kind, core::CommandKind::kOpenWindow);
}

// The collector asks what the evidence says as soon as it has the result.
TEST_F(ReportClientTest, AResultComesAfterItsEvidenceIsStored) {
  collector_.Start();
  collector_.Set({.delay = milliseconds(20)});
  Append(20);
  auto client = Connect();
  client->PostResult({7, core::CommandOutcome::kDone, ""});
  ASSERT_TRUE(
      collector_.WaitFor([&] { return collector_.results().size() == 1; }));
  EXPECT_EQ(collector_.stored_at_result()[0], 20u);
}

TEST_F(ReportClientTest, AResultOfABrokenStreamIsWrittenAgain) {
  collector_.Start();
  collector_.Set({.lose_results = 2});
  auto client = Connect();
  client->PostResult({7, core::CommandOutcome::kDone, "first"});
  client->PostResult({8, core::CommandOutcome::kFailed, "second"});
  ASSERT_TRUE(
      collector_.WaitFor([&] { return collector_.results().size() == 2; }));
  EXPECT_EQ(collector_.results()[0].command_id(), 7u);
  EXPECT_EQ(collector_.results()[1].command_id(), 8u);
}

TEST_F(ReportClientTest, AConfirmedResultIsNotWrittenAgain) {
  collector_.Start();
  auto client = Connect();
  client->PostResult({7, core::CommandOutcome::kDone, ""});
  ASSERT_TRUE(
      collector_.WaitFor([&] { return collector_.results().size() == 1; }));
  Append(1);  // its Ack says that what came before it was taken
  client->PostBatchReady();
  ASSERT_TRUE(WaitUntilStored());
  ASSERT_TRUE(client->Drain(milliseconds(10'000)));
  for (int i = 0; i < 2; ++i) {
    collector_.Stop();
    collector_.Start();
    Append(1);
    client->PostBatchReady();
    ASSERT_TRUE(WaitUntilStored());
  }
  EXPECT_EQ(collector_.results().size(), 1u);
}

TEST_F(ReportClientTest, EndsAtOnceWithoutACollector) {
  collector_.Start();
  collector_.Stop();
  auto client = Connect();
  auto begin = std::chrono::steady_clock::now();
  client.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(5'000));
}

}  // namespace
}  // namespace plimsoll::exporter
