#include "collector/rpc/otlp_server.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <string>
#include <utility>

#include "collector/core/ingest/gunzip.h"
#include "collector/rpc/otlp_decoder.h"
#include "collector/rpc/server_credentials.h"
#include "collector/rpc/wire_bytes.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.grpc.pb.h"
#include "plimsoll/base/secret_file.h"

namespace plimsoll::collector::rpc {
namespace {

using MetricsService =
    opentelemetry::proto::collector::metrics::v1::MetricsService;

constexpr auto kStopWithin = std::chrono::seconds(1);
constexpr int kMaxMetadataBytes = 16 << 10;
// Of all connections together: what their buffers may hold.
constexpr size_t kMaxTransportBytes = size_t{128} << 20;
constexpr std::string_view kBearer = "Bearer ";

}  // namespace

class OtlpServer::Impl {
 public:
  explicit Impl(OtlpServerOptions options)
      : options_(std::move(options)), service_(this) {}
  ~Impl() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + kStopWithin);
    server_->Wait();
  }

  absl::Status Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(options_.listen,
                             MakeServerCredentials(options_.tls), &port_);
    builder.RegisterService(&service_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxOtlpBytes));
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 16);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // gRPC unfolds a message whole before anybody has looked at its token, to
    // whatever size: we do it, with a bound.
    builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
    builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
    grpc::ResourceQuota quota("plimsoll-otlp");
    quota.Resize(kMaxTransportBytes);
    builder.SetResourceQuota(quota);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError("listen for OTLP on " + options_.listen +
                                    ": address in use or not ours");
    }
    return absl::OkStatus();
  }

  grpc::Status Take(const grpc::CallbackServerContext& call,
                    const grpc::ByteBuffer& request) {
    if (const grpc::Status who = CheckToken(call); !who.ok()) return who;
    std::string bytes = ToBytes(request);
    if (LooksGzipped(bytes)) {
      auto unfolded = Gunzip(bytes, kMaxOtlpBytes);
      if (absl::IsResourceExhausted(unfolded.status())) {
        Count(Refusal::kUnfolded);
        return {grpc::StatusCode::RESOURCE_EXHAUSTED,
                std::string(unfolded.status().message())};
      }
      if (unfolded.ok()) bytes = *std::move(unfolded);
    }
    const absl::Status status = options_.take(bytes);
    if (status.ok()) return grpc::Status::OK;
    const bool bad = absl::IsInvalidArgument(status);
    if (bad) Count(Refusal::kMessage);
    return {bad ? grpc::StatusCode::INVALID_ARGUMENT
                : grpc::StatusCode::UNAVAILABLE,
            std::string(status.message())};
  }

  int port() const { return port_; }

 private:
  // Raw: the bytes are parsed once, by the decoder.
  class Service : public MetricsService::WithRawCallbackMethod_Export<
                      MetricsService::Service> {
   public:
    explicit Service(Impl* impl) : impl_(impl) {}
    grpc::ServerUnaryReactor* Export(grpc::CallbackServerContext* call,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override {
      const grpc::Slice nothing("");  // the answer has no field that is set
      *response = grpc::ByteBuffer(&nothing, 1);
      grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
      reactor->Finish(impl_->Take(*call, *request));
      return reactor;
    }

   private:
    Impl* impl_;
  };

  grpc::Status CheckToken(const grpc::CallbackServerContext& call) {
    if (options_.token_file.empty()) return grpc::Status::OK;
    const auto wanted = ReadSecretFile(options_.token_file);
    if (!wanted.ok()) {
      return {grpc::StatusCode::UNAVAILABLE,
              "the collector cannot read its otlp_token_file"};
    }
    const auto shown = call.client_metadata().find("authorization");
    std::string_view token;
    if (shown != call.client_metadata().end()) {
      token = {shown->second.data(), shown->second.size()};
    }
    if (token.starts_with(kBearer) &&
        IsSameSecret(token.substr(kBearer.size()), *wanted)) {
      return grpc::Status::OK;
    }
    Count(Refusal::kUnauthenticated);
    return {grpc::StatusCode::UNAUTHENTICATED,
            "a token is wanted: authorization: Bearer TOKEN"};
  }

  void Count(Refusal refusal) const {
    if (options_.refusals != nullptr) options_.refusals->Count(refusal);
  }

  const OtlpServerOptions options_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

OtlpServer::OtlpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OtlpServer::~OtlpServer() = default;

absl::StatusOr<std::unique_ptr<OtlpServer>> OtlpServer::Start(
    OtlpServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (absl::Status status = impl->Start(); !status.ok()) return status;
  return std::unique_ptr<OtlpServer>(new OtlpServer(std::move(impl)));
}

int OtlpServer::port() const { return impl_->port(); }

}  // namespace plimsoll::collector::rpc
