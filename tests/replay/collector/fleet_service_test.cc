// The acknowledged stream over a real gRPC connection on loopback.
#include "collector/rpc/fleet_service.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "collector/rpc/batch_decoder.h"
#include "collector/store/store.h"
#include "plimsoll/v1/stream.grpc.pb.h"
#include "tests/support/golden_batch.h"
#include "tests/support/stream_agent.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::collector::rpc {
namespace {

using plimsoll::testing::AddGoldenMemory;
using plimsoll::testing::AddSnapshot;
using plimsoll::testing::EmptyBatch;
using plimsoll::testing::GoldenBatch;
using plimsoll::testing::kGoldenUnixNs;
using plimsoll::testing::kSecond;
using plimsoll::testing::StreamAgent;
using plimsoll::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::SizeIs;

// The store, with a disk that can be full.
class FullableStore : public BatchStore {
 public:
  explicit FullableStore(BatchStore* store) : store_(store) {}
  absl::StatusOr<uint64_t> OpenStream(const NodeHello& hello) override {
    return store_->OpenStream(hello);
  }
  absl::Status Apply(const std::vector<IncomingBatch>& batches) override {
    if (full) return absl::ResourceExhaustedError("disk is full");
    return store_->Apply(batches);
  }
  std::atomic<bool> full{false};

 private:
  BatchStore* store_;
};

class FleetServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = store::Store::Open(
        {.path = (directory_.path() / "fleet.db").string()},
        {DecodeBatch, [] { return kGoldenUnixNs + kSecond; }, &losses_, {}});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    fullable_ = std::make_unique<FullableStore>(store_.get());
    Start(FleetServerOptions());
  }
  void Start(FleetServerOptions options) {
    server_.reset();
    options.listen = "127.0.0.1:0";
    options.ingest.first_retry_ms = 5;
    options.ingest.last_retry_ms = 20;
    auto server = FleetServer::Start(options, {fullable_.get(), store_.get(),
                                               &losses_, &refusals_, nullptr});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  StreamAgent Connect(const std::string& agent_id = "agent-1") {
    return StreamAgent(server_->port(), agent_id, "spool-1");
  }

  TempDir directory_;
  LossCounter losses_;
  RefusalCounter refusals_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<FullableStore> fullable_;
  std::unique_ptr<FleetServer> server_;
};

TEST_F(FleetServiceTest, BatchesAreAcknowledgedOnceStoredAndOnceOnly) {
  {
    StreamAgent agent = Connect();
    EXPECT_EQ(agent.Read().welcome().next_seq(), 0u);
    for (uint64_t seq = 1; seq <= 20; ++seq) {
      v1::Batch batch = EmptyBatch(seq);
      batch.mutable_strings();
      AddGoldenMemory(AddSnapshot(&batch, static_cast<int32_t>(seq)));
      agent.Send(batch);
    }
    ASSERT_TRUE(agent.WaitAck(20));
    EXPECT_THAT(*store_->Processes(0), SizeIs(20));
    EXPECT_THAT(server_->ConnectedAgents(), ElementsAre("agent-1"));
    EXPECT_TRUE(agent.End().ok());
  }
  StreamAgent again = Connect();
  EXPECT_EQ(again.Read().welcome().next_seq(), 21u);
  again.Send(EmptyBatch(20));  // its Ack was lost, say
  ASSERT_TRUE(again.WaitAck(20));
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_DUPLICATE), 1);
  EXPECT_EQ(store_->Figures().batches_total, 20);
}

TEST_F(FleetServiceTest, ABadBatchIsCountedAndTheNextOneStored) {
  StreamAgent agent = Connect();
  agent.Read();
  v1::Batch bad = GoldenBatch(1);
  bad.set_strings(0, "not empty");
  agent.Send(bad);
  agent.Send(GoldenBatch(2));
  ASSERT_TRUE(agent.WaitAck(2));
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_INVALID_MESSAGE), 1);
  EXPECT_THAT(*store_->Processes(0), SizeIs(1));
}

TEST_F(FleetServiceTest, ATooLargeBatchIsCountedAndTheStreamGoesOn) {
  StreamAgent agent = Connect();
  agent.Read();
  v1::Batch large = EmptyBatch(1);
  large.add_strings(std::string(kMaxBatchBytes + 1, 'x'));
  agent.Send(large);
  agent.Send(GoldenBatch(2));
  ASSERT_TRUE(agent.WaitAck(2));
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_BATCH_TOO_LARGE), 1);
  EXPECT_THAT(*store_->Processes(0), SizeIs(1));
}

TEST_F(FleetServiceTest, AFullDiskHoldsTheAckUntilThereIsRoom) {
  StreamAgent agent = Connect();
  agent.Read();
  fullable_->full = true;
  agent.Send(GoldenBatch(1));
  while (losses_.Total(PLIMSOLL_DROP_STORE_WRITE) < 3) {
    std::this_thread::yield();
  }
  EXPECT_THAT(*store_->Processes(0), SizeIs(0));
  fullable_->full = false;
  ASSERT_TRUE(agent.WaitAck(1));
  EXPECT_THAT(*store_->Processes(0), SizeIs(1));
}

TEST_F(FleetServiceTest, ANewerStreamOfAnAgentReplacesTheOlder) {
  StreamAgent old = Connect();
  old.Read();
  StreamAgent fresh = Connect();
  fresh.Read();
  EXPECT_EQ(old.End().error_code(), grpc::StatusCode::ABORTED);
  fresh.Send(GoldenBatch(1));
  EXPECT_TRUE(fresh.WaitAck(1));
  EXPECT_THAT(server_->ConnectedAgents(), ElementsAre("agent-1"));
}

TEST_F(FleetServiceTest, ACommandReachesTheAgentOfTheProcess) {
  StreamAgent other = Connect("agent-2");
  other.Read();
  StreamAgent agent = Connect();
  agent.Read();
  agent.Send(GoldenBatch(1));
  ASSERT_TRUE(agent.WaitAck(1));
  ASSERT_TRUE(server_->RequestWindow(1, {"a.B"}, 20 * kSecond).ok());
  v1::Command command = agent.Read().command();
  EXPECT_EQ(command.process().pid(), 4242);
  EXPECT_EQ(command.process().start_ticks(), 777u);
  EXPECT_EQ(command.open_window().duration_ns(), 20 * kSecond);
  EXPECT_THAT(command.open_window().types(), ElementsAre("a.B"));
  agent.SendResult(command.id());
  agent.Send(EmptyBatch(2));  // the stream is in order
  ASSERT_TRUE(agent.WaitAck(2));
  auto process = store_->Process(1);
  ASSERT_TRUE(process.ok());
  ASSERT_THAT(process->commands, SizeIs(1));
  EXPECT_EQ(process->commands[0].outcome, "refused");
  EXPECT_EQ(process->commands[0].reason, "too costly");

  ASSERT_TRUE(server_->RequestNative(1, 20 * kSecond).ok());
  command = agent.Read().command();
  EXPECT_EQ(command.process().pid(), 4242);
  EXPECT_EQ(command.sample_native().duration_ns(), 20 * kSecond);
  EXPECT_EQ((*store_->NewestCommand(1))->what, command::kSampleNative);

  EXPECT_TRUE(absl::IsNotFound(server_->RequestWindow(99, {}, kSecond)));
  agent.End();
  while (server_->ConnectedAgents().size() > 1) std::this_thread::yield();
  EXPECT_TRUE(absl::IsUnavailable(server_->RequestWindow(1, {}, kSecond)));
}

TEST_F(FleetServiceTest, AWindowIsNeitherLostNorDoubledAcrossAReconnect) {
  {
    StreamAgent agent = Connect();
    agent.Read();
    agent.Send(GoldenBatch(1));
    ASSERT_TRUE(agent.WaitAck(1));
    ASSERT_TRUE(server_->RequestWindow(1, {"a.B"}, 2 * kSecond).ok());
    agent.End();  // what was sent is lost with the stream
  }
  StreamAgent again = Connect();
  EXPECT_TRUE(again.Read().has_welcome());
  const v1::Command command = again.Read().command();
  EXPECT_EQ(command.process().pid(), 4242);
  EXPECT_THAT(command.open_window().types(), ElementsAre("a.B"));
  // Asked for again before there is an answer: the same window.
  ASSERT_TRUE(server_->RequestWindow(1, {"a.B"}, 2 * kSecond).ok());
  EXPECT_EQ(again.Read().command().id(), command.id());
  EXPECT_THAT(store_->Process(1)->commands, SizeIs(1));
  again.SendResult(command.id());
  again.Send(EmptyBatch(2));  // the stream is in order
  ASSERT_TRUE(again.WaitAck(2));
  again.End();
  // Answered: it is not sent again.
  StreamAgent third = Connect();
  EXPECT_TRUE(third.Read().has_welcome());
  third.Send(EmptyBatch(3));
  EXPECT_EQ(third.Read().ack().seq(), 3u);
}

TEST_F(FleetServiceTest, AWindowIsNeitherLostNorDoubledAcrossARestart) {
  {
    StreamAgent agent = Connect();
    agent.Read();
    agent.Send(GoldenBatch(1));
    ASSERT_TRUE(agent.WaitAck(1));
    agent.End();
  }
  while (!server_->ConnectedAgents().empty()) std::this_thread::yield();
  EXPECT_TRUE(absl::IsUnavailable(server_->RequestWindow(1, {}, kSecond)));
  const uint64_t id = store_->Process(1)->commands.at(0).id;
  server_.reset();
  fullable_.reset();
  store_.reset();
  SetUp();
  StreamAgent agent = Connect();
  EXPECT_EQ(agent.Read().welcome().next_seq(), 2u);
  EXPECT_EQ(agent.Read().command().id(), id);
  EXPECT_THAT(store_->Process(1)->commands, SizeIs(1));
  EXPECT_EQ((*store_->NewestCommand(1))->outcome, "");
}

TEST_F(FleetServiceTest, AResultWithABadStringIsKeptAndTheStreamGoesOn) {
  StreamAgent agent = Connect();
  agent.Read();
  agent.Send(GoldenBatch(1));
  ASSERT_TRUE(agent.WaitAck(1));
  ASSERT_TRUE(server_->RequestWindow(1, {}, kSecond).ok());
  const uint64_t id = agent.Read().command().id();
  agent.SendResult(id, "no \xff probe");
  agent.Send(EmptyBatch(2));
  ASSERT_TRUE(agent.WaitAck(2));
  EXPECT_EQ((*store_->NewestCommand(1))->reason, "no ? probe");
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_INVALID_MESSAGE), 1);
}

TEST_F(FleetServiceTest, ABatchBeforeHelloIsRefused) {
  auto stub = v1::Fleet::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                          grpc::InsecureChannelCredentials()));
  grpc::ClientContext call;
  auto stream = stub->Connect(&call);
  v1::NodeMessage message;
  *message.mutable_batch() = GoldenBatch(1);
  stream->Write(message);
  EXPECT_EQ(stream->Finish().error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(*store_->Processes(0), SizeIs(0));
  EXPECT_EQ(refusals_.Total(Refusal::kMessage), 1);
}

TEST_F(FleetServiceTest, AHelloThatWouldSpoilTheLogIsRefused) {
  for (const std::string& id : {std::string("a\nb"), std::string(257, 'x'),
                                std::string("\x1b[2J"), std::string()}) {
    EXPECT_EQ(Connect(id).WaitEnd().error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_EQ(refusals_.Total(Refusal::kMessage), 4);
}

TEST_F(FleetServiceTest, WhoSaysNoHelloIsSentAway) {
  FleetServerOptions options;
  options.hello_within_ms = 1500;
  Start(options);
  StreamAgent agent = Connect();
  EXPECT_TRUE(agent.Read().has_welcome());
  auto stub = v1::Fleet::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                          grpc::InsecureChannelCredentials()));
  grpc::ClientContext call;
  auto stream = stub->Connect(&call);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(refusals_.Total(Refusal::kHelloLate), 1);
  // The other's time was over before that.
  agent.Send(GoldenBatch(1));
  EXPECT_TRUE(agent.WaitAck(1)) << "one that did may stay";
}

TEST_F(FleetServiceTest, PastItsStreamsItRefusesAndRecovers) {
  FleetServerOptions options;
  options.max_streams = 2;
  Start(options);
  {
    StreamAgent first = Connect("agent-1");
    StreamAgent second = Connect("agent-2");
    EXPECT_TRUE(first.Read().has_welcome());
    EXPECT_TRUE(second.Read().has_welcome());
    EXPECT_EQ(Connect("agent-3").WaitEnd().error_code(),
              grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(refusals_.Total(Refusal::kStreams), 1);
  }
  bool welcomed = false;
  for (int i = 0; i < 1000 && !welcomed; ++i) {
    welcomed = Connect("agent-3").Read().has_welcome();
  }
  EXPECT_TRUE(welcomed);
}

TEST_F(FleetServiceTest, WhoSendsTooMuchIsReadMoreSlowlyAndLosesNothing) {
  FleetServerOptions options;
  options.bytes = {.per_s = 1'000'000, .burst = 100'000};
  Start(options);
  StreamAgent agent = Connect();
  agent.Read();
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t seq = 1; seq <= 6; ++seq) {
    v1::Batch batch = EmptyBatch(seq);
    batch.add_strings(std::string(100'000, 'x'));
    agent.Send(batch);
  }
  ASSERT_TRUE(agent.WaitAck(6));
  EXPECT_GT(std::chrono::steady_clock::now() - begin,
            std::chrono::milliseconds(300));
  EXPECT_GT(refusals_.Total(Refusal::kThrottled), 2);
  EXPECT_EQ(store_->Figures().batches_total, 6);
  // A new stream is no new burst.
  const int64_t before = refusals_.Total(Refusal::kThrottled);
  StreamAgent again = Connect();
  again.Read();
  v1::Batch batch = EmptyBatch(7);
  batch.add_strings(std::string(100'000, 'x'));
  again.Send(batch);
  ASSERT_TRUE(again.WaitAck(7));
  EXPECT_GT(refusals_.Total(Refusal::kThrottled), before);
}

TEST_F(FleetServiceTest, AMessagePastAllBoundsEndsItsStreamOnly) {
  StreamAgent other = Connect("agent-2");
  other.Read();
  StreamAgent agent = Connect();
  agent.Read();
  v1::Batch batch = EmptyBatch(1);
  batch.add_strings(std::string(5 * kMaxBatchBytes, 'x'));
  agent.Send(batch);
  EXPECT_EQ(agent.WaitEnd().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  other.Send(GoldenBatch(1));
  EXPECT_TRUE(other.WaitAck(1));
}

}  // namespace
}  // namespace plimsoll::collector::rpc
