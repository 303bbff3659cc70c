#include "collector/rpc/fleet_service.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "collector/rpc/batch_decoder.h"
#include "collector/rpc/fleet_stream.h"
#include "collector/rpc/server_credentials.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/v1/stream.grpc.pb.h"

namespace plimsoll::collector::rpc {
namespace {

constexpr int kMaxMetadataBytes = 16 << 10;
constexpr auto kStopWithin = std::chrono::seconds(3);
// Until a stream ends by itself on a connection that is to be renewed; agents'
// streams do not.
constexpr int64_t kProveAgainGraceMs = 5'000;
// Of all connections together: what their buffers may hold.
constexpr size_t kMaxTransportBytes = size_t{512} << 20;

int64_t MonotonicNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

class FleetServer::Impl {
 public:
  Impl(FleetServerOptions options, FleetServerPorts ports)
      : options_(std::move(options)),
        ports_(ports),
        queue_(ports.store, ports.losses, options_.ingest, ports.refusals),
        rates_(options_.bytes, MonotonicNs),
        context_{ports,
                 &queue_,
                 &registry_,
                 &rates_,
                 &refused_,
                 options_.collector_version,
                 options_.max_streams,
                 options_.hello_within_ms},
        service_(this) {}

  absl::Status Start();
  void Stop();
  absl::Status Send(ProcessKey process, const std::string& what,
                    v1::Command command);

  // Raw: the bytes of a batch go to the journal as they came, and bytes that do
  // not parse are ours to count.
  class Service
      : public v1::Fleet::WithRawCallbackMethod_Connect<v1::Fleet::Service> {
   public:
    explicit Service(Impl* impl) : impl_(impl) {}
    grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Connect(
        grpc::CallbackServerContext* call) override {
      return FleetStream::Open(&impl_->context_, call);
    }

   private:
    Impl* impl_;
  };

  FleetServerOptions options_;
  FleetServerPorts ports_;
  StreamRegistry registry_;
  IngestQueue queue_;
  RateBook rates_;
  RefusalLog refused_{MonotonicNs};
  StreamContext context_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

absl::Status FleetServer::Impl::Start() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options_.listen, MakeServerCredentials(options_.tls),
                           &port_);
  builder.RegisterService(&service_);
  // Above what is accepted, so that a batch that is somewhat too large can be
  // refused by its seq instead of breaking the stream again and again.
  builder.SetMaxReceiveMessageSize(static_cast<int>(4 * kMaxBatchBytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 16);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  if (ports_.authenticator != nullptr) {
    // A token expires, a certificate is replaced or its node removed.
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               static_cast<int>(options_.prove_again_after_ms));
    builder.AddChannelArgument(
        GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
        static_cast<int>(
            std::min(kProveAgainGraceMs, options_.prove_again_after_ms / 10)));
  }
  grpc::ResourceQuota quota("plimsoll-agents");
  quota.Resize(kMaxTransportBytes);
  builder.SetResourceQuota(quota);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    return absl::UnavailableError("listen for agents on " + options_.listen +
                                  ": address in use or not ours");
  }
  return absl::OkStatus();
}

void FleetServer::Impl::Stop() {
  if (server_ != nullptr) {
    server_->Shutdown(std::chrono::system_clock::now() + kStopWithin);
    server_->Wait();
    server_.reset();
  }
  queue_.Stop();
}

absl::Status FleetServer::Impl::Send(ProcessKey process,
                                     const std::string& what,
                                     v1::Command command) {
  PLIMSOLL_ASSIGN_OR_RETURN(
      CommandTarget target,
      ports_.commands->NewCommand(process, what, command.SerializeAsString()));
  Address(target, &command);
  v1::CollectorMessage message;
  *message.mutable_command() = std::move(command);
  auto stream = registry_.Find(target.agent_id);
  if (stream != nullptr && stream->Send(message)) return absl::OkStatus();
  // It stays in the log, and the next stream of this agent takes it.
  return absl::UnavailableError("agent " + target.agent_id +
                                " is not connected; it is asked when it "
                                "connects again");
}

FleetServer::FleetServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FleetServer::~FleetServer() { Stop(); }

absl::StatusOr<std::unique_ptr<FleetServer>> FleetServer::Start(
    FleetServerOptions options, FleetServerPorts ports) {
  auto impl = std::make_unique<Impl>(std::move(options), ports);
  PLIMSOLL_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<FleetServer>(new FleetServer(std::move(impl)));
}

void FleetServer::Stop() { impl_->Stop(); }

absl::Status FleetServer::RequestWindow(ProcessKey process,
                                        const std::vector<std::string>& types,
                                        int64_t duration_ns) {
  v1::Command request;
  v1::OpenWindow* window = request.mutable_open_window();
  window->set_duration_ns(duration_ns);
  for (const std::string& type : types) window->add_types(type);
  return impl_->Send(process, command::kOpenWindow, std::move(request));
}

absl::Status FleetServer::RequestNative(ProcessKey process,
                                        int64_t duration_ns) {
  v1::Command request;
  request.mutable_sample_native()->set_duration_ns(duration_ns);
  return impl_->Send(process, command::kSampleNative, std::move(request));
}

int FleetServer::port() const { return impl_->port_; }

std::vector<std::string> FleetServer::ConnectedAgents() const {
  return impl_->registry_.Agents();
}

}  // namespace plimsoll::collector::rpc
