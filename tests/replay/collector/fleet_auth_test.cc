// Who may speak for which node, over real TLS and gRPC on loopback, with tokens
// that a Kubernetes of our own reviews.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "agent/core/report.h"
#include "agent/export/report_client.h"
#include "agent/export/report_encoder.h"
#include "agent/export/spool.h"
#include "collector/auth/authenticator.h"
#include "collector/auth/token_reviewer.h"
#include "collector/rpc/batch_decoder.h"
#include "collector/rpc/fleet_service.h"
#include "collector/store/store.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_kubernetes.h"
#include "tests/support/golden_batch.h"
#include "tests/support/stream_agent.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::collector::rpc {
namespace {

using plimsoll::testing::CertificateAuthority;
using plimsoll::testing::EmptyBatch;
using plimsoll::testing::FakeKubernetes;
using plimsoll::testing::GoldenBatch;
using plimsoll::testing::kGoldenUnixNs;
using plimsoll::testing::kSecond;
using plimsoll::testing::StreamAgent;
using plimsoll::testing::StreamProof;
using plimsoll::testing::TempDir;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kAudience[] = "plimsoll-collector";
constexpr char kServerNames[] = "DNS:localhost,IP:127.0.0.1";

std::string ReadAll(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class FleetAuthTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/openssl", X_OK) != 0) {
      GTEST_SKIP() << "certificates are made by openssl, which is not here";
    }
    auto store = store::Store::Open(
        {.path = (directory_.path() / "fleet.db").string()},
        {DecodeBatch, [] { return kGoldenUnixNs + kSecond; }, &losses_, {}});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    authority_.emplace(directory_.path(), "ca");
    authority_->Issue(Path("server"), kServerNames);
  }
  std::string Path(const std::string& name) const {
    return (directory_.path() / name).string();
  }

  auth::TokenReviewerOptions Review() {
    auth::TokenReviewerOptions options;
    options.url = kubernetes_.url();
    options.rules = {kAudience, {"plimsoll/plimsoll-agent"}};
    options.timeout_ns = 5 * kSecond;
    options.now_ns = [this] { return now_ns_.load(); };
    return options;
  }
  void StartByCertificate() { Start(/*certificates=*/true, /*tokens=*/false); }
  void StartByToken() { Start(/*certificates=*/false, /*tokens=*/true); }
  void Start(bool certificates, bool tokens) {
    if (tokens) reviewer_ = std::make_unique<auth::TokenReviewer>(Review());
    authenticator_ =
        std::make_unique<auth::Authenticator>(certificates, reviewer_.get());
    options_.listen = "127.0.0.1:0";
    options_.tls = {Path("server.crt"), Path("server.key"),
                    certificates ? authority_->cert() : "", !tokens, 1};
    auto server =
        FleetServer::Start(options_, {store_.get(), store_.get(), &losses_,
                                      &refusals_, authenticator_.get()});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  // What an agent shows whose certificate has these names; "": none.
  StreamProof Show(const std::string& node, const std::string& names,
                   const std::string& token = "") {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = ReadAll(authority_->cert());
    if (!names.empty()) {
      authority_->Issue(Path("agent"), names);
      ssl.pem_cert_chain = ReadAll(Path("agent.crt"));
      ssl.pem_private_key = ReadAll(Path("agent.key"));
    }
    return {grpc::SslCredentials(ssl), token, node};
  }
  StreamAgent Connect(const StreamProof& proof,
                      const std::string& agent_id = "agent-1") {
    return StreamAgent(server_->port(), agent_id, "spool-1", proof);
  }
  // Ends with that code, whose words hold `said`; nothing is stored.
  void ExpectRefused(StreamAgent agent, grpc::StatusCode code,
                     const std::string& said) {
    agent.Send(GoldenBatch(1));
    const grpc::Status status = agent.WaitEnd();
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(said));
    EXPECT_THAT(*store_->Processes(0), SizeIs(0));
  }

  TempDir directory_;
  LossCounter losses_;
  RefusalCounter refusals_;
  std::atomic<int64_t> now_ns_{1};
  FakeKubernetes kubernetes_;
  std::optional<CertificateAuthority> authority_;
  std::unique_ptr<store::Store> store_;
  FleetServerOptions options_;
  std::unique_ptr<auth::TokenReviewer> reviewer_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::unique_ptr<FleetServer> server_;
};

TEST_F(FleetAuthTest, ACertificateSpeaksForItsNodeAndNoOther) {
  StartByCertificate();
  const std::string names = "URI:spiffe://example/plimsoll/node/node-1";
  ExpectRefused(Connect(Show("node-2", names)),
                grpc::StatusCode::PERMISSION_DENIED,
                "may not speak for node node-2");
  EXPECT_EQ(refusals_.Total(Refusal::kOtherNode), 1);
  StreamAgent agent = Connect(Show("node-1", names));
  EXPECT_TRUE(agent.Read().has_welcome());
  agent.Send(GoldenBatch(1));
  EXPECT_TRUE(agent.WaitAck(1));
  EXPECT_THAT(*store_->Processes(0), SizeIs(1));
}

TEST_F(FleetAuthTest, WithoutACertificateOfOursThereIsNoStream) {
  StartByCertificate();
  EXPECT_EQ(Connect(Show("node-1", "")).WaitEnd().error_code(),
            grpc::StatusCode::UNAVAILABLE)
      << "the handshake fails";
  CertificateAuthority other(directory_.path(), "other");
  other.Issue(Path("agent"), "URI:spiffe://example/node/node-1");
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = ReadAll(authority_->cert());
  ssl.pem_cert_chain = ReadAll(Path("agent.crt"));
  ssl.pem_private_key = ReadAll(Path("agent.key"));
  EXPECT_EQ(
      Connect({grpc::SslCredentials(ssl), "", "node-1"}).WaitEnd().error_code(),
      grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Connect({}).WaitEnd().error_code(), grpc::StatusCode::UNAVAILABLE)
      << "without TLS";
  ExpectRefused(Connect(Show("node-1", "DNS:a,DNS:b")),
                grpc::StatusCode::UNAUTHENTICATED, "names no node");
  EXPECT_EQ(refusals_.Total(Refusal::kUnauthenticated), 1);
}

// Such an id can be guessed: a node that takes another's would lock it out.
TEST_F(FleetAuthTest, AnIdThatNamesANodeIsThatNodesAlone) {
  StartByCertificate();
  const StreamProof evil = Show("node-2", "URI:spiffe://e/node/node-2");
  for (const char* id : {"node:prod/node-1", "node:/node-1", "node:node-2"}) {
    ExpectRefused(Connect(evil, id), grpc::StatusCode::PERMISSION_DENIED,
                  "is not of node node-2");
  }
  EXPECT_EQ(refusals_.Total(Refusal::kOtherNode), 3);
  StreamAgent own =
      Connect(Show("node-1", "URI:spiffe://e/node/node-1"), "node:prod/node-1");
  EXPECT_TRUE(own.Read().has_welcome());
}

TEST_F(FleetAuthTest, AnAgentIdBelongsToTheNodeThatHadItFirst) {
  StartByCertificate();
  {
    StreamAgent first = Connect(Show("node-1", "URI:spiffe://e/node/node-1"));
    EXPECT_TRUE(first.Read().has_welcome());
    first.End();
  }
  ExpectRefused(Connect(Show("node-2", "URI:spiffe://e/node/node-2")),
                grpc::StatusCode::PERMISSION_DENIED, "that of node node-1");
  EXPECT_EQ(refusals_.Total(Refusal::kOtherNode), 1);
  StreamAgent other =
      Connect(Show("node-2", "URI:spiffe://e/node/node-2"), "agent-2");
  EXPECT_TRUE(other.Read().has_welcome());
}

TEST_F(FleetAuthTest, ABatchThatSpeaksOfAnotherNodeIsRefusedAndCounted) {
  StartByCertificate();
  StreamAgent agent = Connect(Show("node-1", "URI:spiffe://e/node/node-1"));
  EXPECT_TRUE(agent.Read().has_welcome());
  v1::Batch batch = GoldenBatch(1);
  batch.mutable_processes(0)->set_node("node-9");
  agent.Send(batch);
  ASSERT_TRUE(agent.WaitAck(1)) << "it would never get better";
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_INVALID_MESSAGE), 1);
  EXPECT_EQ(refusals_.Total(Refusal::kOtherNode), 1);
  EXPECT_THAT(*store_->Processes(0), SizeIs(0));
  batch = GoldenBatch(2);
  batch.mutable_processes(0)->set_node("node-1");
  agent.Send(batch);
  ASSERT_TRUE(agent.WaitAck(2));
  EXPECT_THAT(*store_->Processes(0), SizeIs(1));
}

TEST_F(FleetAuthTest, AnAgentAnswersOnlyWhatItWasAsked) {
  StartByCertificate();
  StreamAgent agent = Connect(Show("node-1", "URI:spiffe://e/node/node-1"));
  agent.Read();
  agent.Send(GoldenBatch(1));
  ASSERT_TRUE(agent.WaitAck(1));
  ASSERT_TRUE(server_->RequestWindow(1, {}, kSecond).ok());
  const uint64_t id = agent.Read().command().id();
  StreamAgent other =
      Connect(Show("node-2", "URI:spiffe://e/node/node-2"), "agent-2");
  other.Read();
  other.SendResult(id, "forged");
  EXPECT_EQ(other.WaitEnd().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ((*store_->NewestCommand(1))->outcome, "");
  agent.SendResult(id, "too costly");
  agent.Send(EmptyBatch(2));  // the stream is in order
  ASSERT_TRUE(agent.WaitAck(2));
  EXPECT_EQ((*store_->NewestCommand(1))->reason, "too costly");
}

TEST_F(FleetAuthTest, ATokenSpeaksForTheNodeOfItsPod) {
  kubernetes_.SetReview(
      "good", FakeKubernetes::GoodReview("plimsoll", "plimsoll-agent", "node-1",
                                         kAudience));
  kubernetes_.SetReview("orders", FakeKubernetes::GoodReview(
                                      "shop", "orders", "node-1", kAudience));
  StartByToken();
  ExpectRefused(Connect(Show("node-1", "", "stolen")),
                grpc::StatusCode::UNAUTHENTICATED, "does not accept the token");
  ExpectRefused(Connect(Show("node-1", "")), grpc::StatusCode::UNAUTHENTICATED,
                "a token is wanted");
  ExpectRefused(Connect(Show("node-1", "", "orders")),
                grpc::StatusCode::PERMISSION_DENIED, "shop:orders");
  ExpectRefused(Connect(Show("node-2", "", "good")),
                grpc::StatusCode::PERMISSION_DENIED, "this is node node-1");
  StreamAgent agent = Connect(Show("node-1", "", "good"));
  EXPECT_TRUE(agent.Read().has_welcome());
  agent.Send(GoldenBatch(1));
  EXPECT_TRUE(agent.WaitAck(1));
  EXPECT_EQ(refusals_.Total(Refusal::kUnauthenticated), 3);
  EXPECT_EQ(refusals_.Total(Refusal::kOtherNode), 1);
}

TEST_F(FleetAuthTest, AReviewIsRememberedForAWhileOnly) {
  kubernetes_.SetReview(
      "t", FakeKubernetes::GoodReview("plimsoll", "plimsoll-agent", "node-1",
                                      kAudience));
  StartByToken();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Connect(Show("node-1", "", "t")).Read().has_welcome());
  }
  EXPECT_EQ(reviewer_->stats().reviews, 1);
  kubernetes_.SetReview("t", R"({"authenticated":false,"error":"revoked"})");
  EXPECT_TRUE(Connect(Show("node-1", "", "t")).Read().has_welcome());
  now_ns_ += 121 * kSecond;
  ExpectRefused(Connect(Show("node-1", "", "t")),
                grpc::StatusCode::UNAUTHENTICATED, "revoked");
  ExpectRefused(Connect(Show("node-1", "", "t")),
                grpc::StatusCode::UNAUTHENTICATED, "revoked");
  EXPECT_EQ(reviewer_->stats().reviews, 2) << "a refusal is remembered too";
  kubernetes_.SetReview(
      "t", FakeKubernetes::GoodReview("plimsoll", "plimsoll-agent", "node-1",
                                      kAudience));
  now_ns_ += 11 * kSecond;
  EXPECT_TRUE(Connect(Show("node-1", "", "t")).Read().has_welcome());
}

TEST_F(FleetAuthTest, WithoutTheApiServerNobodyIsLetIn) {
  kubernetes_.SetReview(
      "t", FakeKubernetes::GoodReview("plimsoll", "plimsoll-agent", "node-1",
                                      kAudience));
  StartByToken();
  for (const int code : {403, 500}) {
    kubernetes_.AnswerWith(code);
    ExpectRefused(Connect(Show("node-1", "", "t")),
                  grpc::StatusCode::UNAVAILABLE,
                  code == 403 ? "create on tokenreviews" : "HTTP 500");
  }
  EXPECT_EQ(refusals_.Total(Refusal::kUnverifiable), 2);
  kubernetes_.AnswerWith(0);
  EXPECT_TRUE(Connect(Show("node-1", "", "t")).Read().has_welcome());
}

// It was told the failure that it had not waited for.
TEST_F(FleetAuthTest, WhoAsksAfterAFailureGetsAReviewOfItsOwn) {
  kubernetes_.SetReview(
      "t", FakeKubernetes::GoodReview("plimsoll", "plimsoll-agent", "node-1",
                                      kAudience));
  kubernetes_.AnswerWith(500);
  auth::TokenReviewer reviewer(Review());
  std::promise<absl::Status> first, second;
  PeerEvidence evidence;
  evidence.token = "t";
  reviewer.Authenticate(evidence, [&](absl::StatusOr<PeerIdentity> failed) {
    first.set_value(failed.status());
    kubernetes_.AnswerWith(0);
    reviewer.Authenticate(evidence, [&](absl::StatusOr<PeerIdentity> answer) {
      second.set_value(answer.status());
    });
  });
  EXPECT_TRUE(absl::IsUnavailable(first.get_future().get()));
  const absl::Status answer = second.get_future().get();
  EXPECT_TRUE(answer.ok()) << answer;
}

// The product's own agent: over the server's and its own certificate being
// replaced under another authority's, without a batch lost.
TEST_F(FleetAuthTest, FilesRotateUnderARunningAgent) {
  options_.prove_again_after_ms = 1'000;
  authority_->Issue(Path("node"), "URI:spiffe://e/node/node-1");
  StartByCertificate();
  auto spool = exporter::Spool::Open(
      {Path("spool"), 64 << 20, "0123456789abcdef0123456789abcdef"});
  ASSERT_TRUE(spool.ok()) << spool.status();
  exporter::ReportClientOptions options;
  options.collector.address = "127.0.0.1:" + std::to_string(server_->port());
  options.collector.ca_file = authority_->cert();
  options.collector.cert_file = Path("node.crt");
  options.collector.key_file = Path("node.key");
  options.collector.server_name = "localhost";
  options.collector.refresh_s = 1;
  options.agent_id = "agent-1";
  options.node = "node-1";
  options.max_backoff = std::chrono::milliseconds(100);
  exporter::ReportClient client(options, spool->get());
  core::NodeReport report;
  report.boot_id = "boot";
  const std::string payload = exporter::EncodeReport(report, {}).batches[0];
  const auto send = [&] {
    ASSERT_TRUE((*spool)->Append(payload).ok());
    client.PostBatchReady();
    ASSERT_TRUE(client.Drain(std::chrono::seconds(20)))
        << client.state().last_error;
  };
  send();
  const int64_t before = client.state().connections;
  authority_->Issue(Path("server"), kServerNames);
  authority_->Issue(Path("node"), "URI:spiffe://e/node/node-1,DNS:renewed");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (client.state().connections < before + 3 &&
         std::chrono::steady_clock::now() < end) {
    send();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_GE(client.state().connections, before + 3)
      << "a connection is renewed, and with it the proof";
  EXPECT_EQ(store_->Figures().batches_total,
            static_cast<int64_t>((*spool)->next_seq()) - 1);
  // A certificate of another node takes the agent out.
  authority_->Issue(Path("node"), "URI:spiffe://e/node/node-7");
  const auto refused_by =
      std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (refusals_.Total(Refusal::kOtherNode) == 0 &&
         std::chrono::steady_clock::now() < refused_by) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_GT(refusals_.Total(Refusal::kOtherNode), 0);
}

}  // namespace
}  // namespace plimsoll::collector::rpc
