#include "collector/server.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "collector/core/loss_counter.h"
#include "collector/rpc/batch_decoder.h"
#include "collector/rpc/fleet_service.h"
#include "collector/store/store.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

int64_t UnixNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

constexpr char kVersion[] = "0.1.0";

}  // namespace

// Members end in reverse order: nobody calls what is already gone.
class Server::Impl {
 public:
  explicit Impl(Config config) : config_(std::move(config)) {}
  ~Impl() { Stop(); }
  absl::Status Start();
  void Stop();

  const Config config_;
  LossCounter losses_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<rpc::FleetServer> fleet_;

 private:
  void RunTimer();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, stopped_ = false;
  std::thread timer_;
};

absl::Status Server::Impl::Start() {
  std::error_code error;
  std::filesystem::create_directories(config_.state_dir, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               "create state_dir " + config_.state_dir);
  }
  store::StoreOptions store_options;
  store_options.path = config_.state_dir + "/fleet.db";
  store_options.retention_ns = config_.retention_ns;
  store_options.max_bytes = config_.max_store_bytes;
  PLIMSOLL_ASSIGN_OR_RETURN(
      store_, store::Store::Open(store_options, {rpc::DecodeBatch, UnixNow,
                                                 &losses_, /*listener=*/{}}));
  rpc::FleetServerOptions fleet_options;
  fleet_options.listen = config_.grpc_listen;
  fleet_options.collector_version = kVersion;
  PLIMSOLL_ASSIGN_OR_RETURN(
      fleet_, rpc::FleetServer::Start(fleet_options,
                                      {store_.get(), store_.get(), &losses_}));
  timer_ = std::thread([this] { RunTimer(); });
  spdlog::info("agents connect to grpc={}", config_.grpc_listen);
  return absl::OkStatus();
}

void Server::Impl::RunTimer() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::seconds(1),
                            [this] { return stopping_; })) {
    lock.unlock();
    if (absl::Status status = store_->Maintain(); !status.ok()) {
      spdlog::error("store maintenance error=\"{}\"",
                    std::string(status.message()));
    }
    lock.lock();
  }
}

void Server::Impl::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return;
    stopping_ = stopped_ = true;
    changed_.notify_all();
  }
  if (fleet_ != nullptr) fleet_->Stop();
  if (timer_.joinable()) timer_.join();
  if (store_ == nullptr) return;
  if (absl::Status status = store_->Rollover(); !status.ok()) {
    // Nothing is lost: the journal has it.
    spdlog::error("write out at end error=\"{}\"",
                  std::string(status.message()));
  }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Config config) {
  auto impl = std::make_unique<Impl>(std::move(config));
  PLIMSOLL_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::Stop() { impl_->Stop(); }
int Server::grpc_port() const { return impl_->fleet_->port(); }
int Server::http_port() const { return 0; }

}  // namespace plimsoll::collector
