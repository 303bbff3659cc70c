#include "agent/export/fleet_stream.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "plimsoll/base/secret_file.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/v1/stream.grpc.pb.h"

namespace plimsoll::exporter {
namespace {

constexpr int kMaxMessageBytes = 4 << 20;
constexpr size_t kMaxQueuedMessages = 1024;

class GrpcStream final
    : public FleetStream,
      private grpc::ClientBidiReactor<v1::NodeMessage, v1::CollectorMessage> {
 public:
  GrpcStream(v1::Fleet::Stub* stub, const std::string& token,
             std::function<void()> wake)
      : wake_(std::move(wake)) {
    if (!token.empty())
      context_.AddMetadata("authorization", "Bearer " + token);
    stub->async()->Connect(&context_, this);
    // Without the hold a call that ends could be gone between a look at its
    // state and the write that follows.
    AddHold();
    StartRead(&incoming_);
    StartCall();
  }
  ~GrpcStream() override { GrpcStream::Finish(); }

  std::optional<v1::CollectorMessage> TakeMessage() override {
    std::lock_guard lock(mutex_);
    if (queue_.empty()) return std::nullopt;
    v1::CollectorMessage message = std::move(queue_.front());
    queue_.pop_front();
    return message;
  }
  bool writable() const override {
    std::lock_guard lock(mutex_);
    return !writing_ && !broken_;
  }
  void Write(v1::NodeMessage message) override {
    {
      std::lock_guard lock(mutex_);
      if (writing_ || broken_) return;
      writing_ = true;
    }
    outgoing_ = std::move(message);
    StartWrite(&outgoing_);
  }
  bool broken() const override {
    std::lock_guard lock(mutex_);
    return broken_;
  }
  void Cancel(const std::string& reason) override {
    {
      std::lock_guard lock(mutex_);
      if (reason_.empty()) reason_ = reason;
      broken_ = true;
    }
    context_.TryCancel();
  }
  std::string Finish() override {
    std::unique_lock lock(mutex_);
    broken_ = true;
    if (!std::exchange(released_, true)) {
      bool ended = read_failed_;
      lock.unlock();
      // A failed read means that the server's status is on its way; anything
      // else would wait for a server that may never answer.
      if (!ended) context_.TryCancel();
      RemoveHold();
      lock.lock();
    }
    finished_.wait(lock, [this] { return done_; });
    if (!reason_.empty()) return reason_;
    return status_.ok() ? "the collector closed the stream"
                        : status_.error_message();
  }

 private:
  void OnReadDone(bool ok) override {
    {
      std::lock_guard lock(mutex_);
      if (!ok || queue_.size() >= kMaxQueuedMessages) {
        broken_ = true;
        read_failed_ = !ok;
      } else {
        queue_.push_back(std::move(incoming_));
        incoming_.Clear();
      }
      if (!broken_) StartRead(&incoming_);
    }
    wake_();
  }
  void OnWriteDone(bool ok) override {
    {
      std::lock_guard lock(mutex_);
      writing_ = false;
      broken_ |= !ok;
    }
    wake_();
  }
  void OnDone(const grpc::Status& status) override {
    // Under the lock to the end: Finish() may destroy this right after.
    std::lock_guard lock(mutex_);
    status_ = status;
    done_ = true;
    wake_();
    finished_.notify_all();
  }

  grpc::ClientContext context_;
  const std::function<void()> wake_;
  v1::CollectorMessage incoming_;
  v1::NodeMessage outgoing_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable finished_;
  std::deque<v1::CollectorMessage> queue_;
  bool writing_ = false;
  bool broken_ = false;  // no use any more: Finish() is next
  bool read_failed_ = false;
  bool released_ = false;
  bool done_ = false;
  std::string reason_;
  grpc::Status status_;
};

// gRPC's watcher of files; its classes are called experimental in gRPC 1.51.
std::shared_ptr<grpc::ChannelCredentials> Credentials(
    const CollectorAddress& collector) {
  if (collector.ca_file.empty()) return grpc::InsecureChannelCredentials();
  auto provider =
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          collector.key_file, collector.cert_file, collector.ca_file,
          collector.refresh_s);
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider);
  options.watch_root_certs();
  if (!collector.cert_file.empty()) options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace

struct FleetConnection::Channel {
  std::unique_ptr<v1::Fleet::Stub> stub;
};

FleetConnection::FleetConnection(CollectorAddress collector)
    : collector_(std::move(collector)), channel_(std::make_unique<Channel>()) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  // A collector that vanished without a word is noticed within 40 s.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  // No proxy of the environment between a node and its collector.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!collector_.server_name.empty()) {
    arguments.SetString(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
                        collector_.server_name);
  }
  channel_->stub = v1::Fleet::NewStub(grpc::CreateCustomChannel(
      collector_.address, Credentials(collector_), arguments));
}

FleetConnection::~FleetConnection() = default;

absl::StatusOr<std::unique_ptr<FleetStream>> FleetConnection::Open(
    std::function<void()> wake) {
  std::string token;
  if (!collector_.token_file.empty()) {
    PLIMSOLL_ASSIGN_OR_RETURN(token, ReadSecretFile(collector_.token_file));
  }
  return std::make_unique<GrpcStream>(channel_->stub.get(), token,
                                      std::move(wake));
}

}  // namespace plimsoll::exporter
