// OTLP by gRPC over a real socket, as exporters that compress send it.
#include "collector/rpc/otlp_server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "collector/rpc/otlp_decoder.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.grpc.pb.h"

namespace plimsoll::collector::rpc {
namespace {

namespace v1 = opentelemetry::proto::collector::metrics::v1;

class OtlpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    OtlpServerOptions options;
    options.listen = "127.0.0.1:0";
    options.refusals = &refusals_;
    options.take = [this](std::string_view bytes) {
      const std::lock_guard lock(mutex_);
      taken_ = bytes;
      v1::ExportMetricsServiceRequest request;
      return request.ParseFromString(taken_)
                 ? absl::OkStatus()
                 : absl::InvalidArgumentError("no export");
    };
    auto server = OtlpServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::MetricsService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                            grpc::InsecureChannelCredentials()));
  }

  grpc::Status Export(const v1::ExportMetricsServiceRequest& request,
                      grpc_compression_algorithm compression) {
    grpc::ClientContext context;
    context.set_compression_algorithm(compression);
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(60));
    v1::ExportMetricsServiceResponse response;
    return stub_->Export(&context, request, &response);
  }

  // One metric with a description of so many bytes.
  static v1::ExportMetricsServiceRequest RequestOf(size_t bytes) {
    v1::ExportMetricsServiceRequest request;
    auto* metric =
        request.add_resource_metrics()->add_scope_metrics()->add_metrics();
    metric->set_name("requests");
    metric->set_description(std::string(bytes, 'x'));
    return request;
  }

  RefusalCounter refusals_;
  std::mutex mutex_;
  std::string taken_;
  std::unique_ptr<OtlpServer> server_;
  std::unique_ptr<v1::MetricsService::Stub> stub_;
};

TEST_F(OtlpServerTest, TakesWhatIsZippedAndWhatIsNot) {
  const auto request = RequestOf(100'000);
  const std::string sent = request.SerializeAsString();
  for (const auto compression : {GRPC_COMPRESS_NONE, GRPC_COMPRESS_GZIP}) {
    taken_.clear();
    const grpc::Status status = Export(request, compression);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(taken_, sent) << compression;
  }
}

// gRPC itself unfolds a message to whatever size before a token is looked at.
TEST_F(OtlpServerTest, AMessageThatUnfoldsToTooMuchIsRefused) {
  const grpc::Status status = Export(RequestOf(64 << 20), GRPC_COMPRESS_GZIP);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(status.error_message().find("unfolds to more than"),
            std::string::npos)
      << status.error_message();
  EXPECT_EQ(refusals_.Total(Refusal::kUnfolded), 1);
  EXPECT_TRUE(taken_.empty());
  EXPECT_TRUE(Export(RequestOf(10), GRPC_COMPRESS_GZIP).ok());
}

TEST_F(OtlpServerTest, AnotherCompressionIsRefused) {
  EXPECT_EQ(Export(RequestOf(100'000), GRPC_COMPRESS_DEFLATE).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_TRUE(taken_.empty());
}

}  // namespace
}  // namespace plimsoll::collector::rpc
