// A collector and agents of the minor before and after (the rules are in
// proto/plimsoll/v1/stream.proto): bytes as an agent of 0.1 sent them, and a
// stream full of what this schema does not know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/escaping.h"
#include "collector/rpc/batch_decoder.h"
#include "collector/rpc/fleet_service.h"
#include "collector/store/store.h"
#include "tests/support/golden_batch.h"
#include "tests/support/newer_peer.h"
#include "tests/support/stream_agent.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::collector {
namespace {

using plimsoll::testing::AddUnknownFields;
using plimsoll::testing::EmptyBatch;
using plimsoll::testing::GoldenBatch;
using plimsoll::testing::kGoldenUnixNs;
using plimsoll::testing::kSecond;
using plimsoll::testing::StreamAgent;
using plimsoll::testing::TempDir;
using ::testing::SizeIs;

// The message that a file of tests/replay/collector/recorded holds in hex.
v1::NodeMessage Recorded(const std::string& name) {
  const char* top = std::getenv("PLIMSOLL_SOURCE_DIR");
  std::ifstream file(std::string(top == nullptr ? "." : top) +
                     "/tests/replay/collector/recorded/" + name);
  std::string hex, line;
  while (std::getline(file, line)) {
    if (!line.starts_with('#')) hex += line;
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  EXPECT_FALSE(bytes.empty()) << name;
  v1::NodeMessage message;
  EXPECT_TRUE(message.ParseFromString(bytes)) << name;
  return message;
}

class VersionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store =
        store::Store::Open({.path = (directory_.path() / "fleet.db").string()},
                           {rpc::DecodeBatch,
                            [] { return kGoldenUnixNs + kSecond; },
                            &losses_,
                            {}});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    rpc::FleetServerOptions options;
    options.listen = "127.0.0.1:0";
    auto server = rpc::FleetServer::Start(
        options, {store_.get(), store_.get(), &losses_, &refusals_, nullptr});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  // What is kept of the golden batch, whatever sent it.
  void ExpectGolden() {
    auto processes = store_->Processes(0);
    ASSERT_TRUE(processes.ok());
    ASSERT_THAT(*processes, SizeIs(1));
    const ProcessInfo& process = processes->front();
    EXPECT_EQ(process.workload.name, "routing-api");
    EXPECT_EQ(process.region, "ap-southeast-1");
    EXPECT_EQ(process.pod, "routing-api-7d9f-x2x1q");
    auto rss = store_->Read(process.key, {"rss_bytes", ""}, 0, INT64_MAX);
    ASSERT_TRUE(rss.ok());
    ASSERT_THAT(*rss, SizeIs(1));
    EXPECT_EQ(rss->front().value, 101'000'000);
    auto objects = store_->Read(
        process.key, {"type_objects", "routing.vehicles.FloatingVehicle"}, 0,
        INT64_MAX);
    ASSERT_TRUE(objects.ok());
    ASSERT_THAT(*objects, SizeIs(1));
    EXPECT_EQ(objects->front().value, 65'000);
    EXPECT_THAT(*store_->Stacks(process.key, 0, INT64_MAX), SizeIs(6));
    EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_INVALID_MESSAGE), 0);
  }

  TempDir directory_;
  LossCounter losses_;
  RefusalCounter refusals_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<rpc::FleetServer> server_;
};

TEST_F(VersionsTest, WhatAnAgentOf01SpooledIsTaken) {
  StreamAgent agent(server_->port(), "agent-1", "spool-1");
  EXPECT_TRUE(agent.Read().has_welcome());
  agent.Write(Recorded("batch-0.1.hex"));
  ASSERT_TRUE(agent.WaitAck(1));
  ExpectGolden();
}

TEST_F(VersionsTest, WhatANewerAgentSaysBesideIsPassedOver) {
  StreamAgent agent(server_->port(), "agent-1", "spool-1");
  EXPECT_TRUE(agent.Read().has_welcome());
  v1::NodeMessage unknown;  // a kind of message that there is not yet
  AddUnknownFields(&unknown);
  agent.Write(unknown);
  v1::NodeMessage message;
  *message.mutable_batch() = GoldenBatch(1);
  AddUnknownFields(&message);
  agent.Write(message);
  ASSERT_TRUE(agent.WaitAck(1));
  ExpectGolden();
  EXPECT_EQ(refusals_.Total(Refusal::kMessage), 0);
}

TEST_F(VersionsTest, ANewerAgentsHelloIsAHello) {
  auto stub = v1::Fleet::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                          grpc::InsecureChannelCredentials()));
  grpc::ClientContext call;
  auto stream = stub->Connect(&call);
  v1::NodeMessage hello;
  hello.mutable_hello()->set_agent_id("agent-1");
  hello.mutable_hello()->set_spool_id("spool-1");
  hello.mutable_hello()->set_agent_version("0.2.0");
  AddUnknownFields(&hello);
  stream->Write(hello);
  v1::CollectorMessage answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_TRUE(answer.has_welcome());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

// A fleet is updated node by node: the agent of a node comes back as another
// version, with the spool of the one before, and nothing is stored twice.
TEST_F(VersionsTest, AnUpdatedAgentGoesOnInItsSpool) {
  {
    StreamAgent old_agent(server_->port(), "agent-1", "spool-1");
    old_agent.Read();
    old_agent.Write(Recorded("batch-0.1.hex"));
    ASSERT_TRUE(old_agent.WaitAck(1));
  }
  StreamAgent updated(server_->port(), "agent-1", "spool-1");
  EXPECT_EQ(updated.Read().welcome().next_seq(), 2u);
  updated.Write(Recorded("batch-0.1.hex"));  // its Ack was lost, say
  v1::NodeMessage message;
  *message.mutable_batch() = EmptyBatch(2);
  AddUnknownFields(&message);
  updated.Write(message);
  ASSERT_TRUE(updated.WaitAck(2));
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_DUPLICATE), 1);
  ExpectGolden();
}

}  // namespace
}  // namespace plimsoll::collector
