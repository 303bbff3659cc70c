// FakeCollector is a gRPC server that keeps the collector's promises (store and
// high-water mark in one step) and can be made to break everything around
// them: answer late, lose Acks, end streams, stop and come back.
#ifndef PLIMSOLL_TESTS_SUPPORT_FAKE_COLLECTOR_H_
#define PLIMSOLL_TESTS_SUPPORT_FAKE_COLLECTOR_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plimsoll/v1/stream.grpc.pb.h"
#include "tests/support/newer_peer.h"

namespace plimsoll::testing {

class FakeCollector final : public v1::Fleet::Service {
 public:
  // What survives the server: the store.
  struct Stored {
    std::vector<uint64_t> seqs;  // of all spools, in order of arrival
    int64_t duplicates = 0;      // sent again, and not stored again
    uint64_t high_water = 0;
  };
  struct Behaviour {
    std::chrono::milliseconds delay{0};  // before each Ack
    int lose_acks = 0;                   // so many are stored, not answered
    int end_stream_after = 0;            // batches; 0: never
    int lose_results = 0;  // so many results break their stream, not stored
    int64_t max_batch_bytes = 3 << 20;
    bool newer = false;  // says what this schema does not know, too
  };

  ~FakeCollector() override { Stop(); }

  void Start() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port_),
                             grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_) port_ = port;
  }
  void Stop() {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now() +
                      std::chrono::milliseconds(50));
    server_->Wait();
    server_.reset();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  void Set(Behaviour behaviour) {
    std::lock_guard lock(mutex_);
    behaviour_ = behaviour;
  }
  void SendOnNextStream(v1::Command command) {
    std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  Stored stored() {
    std::lock_guard lock(mutex_);
    return stored_;
  }
  std::vector<v1::Hello> hellos() {
    std::lock_guard lock(mutex_);
    return hellos_;
  }
  std::vector<v1::CommandResult> results() {
    std::lock_guard lock(mutex_);
    return results_;
  }
  std::vector<v1::Batch> batches() {
    std::lock_guard lock(mutex_);
    return batches_;
  }
  // How many batches were stored when each result came.
  std::vector<size_t> stored_at_result() {
    std::lock_guard lock(mutex_);
    return stored_at_result_;
  }
  template <typename Condition>
  bool WaitFor(Condition condition,
               std::chrono::seconds timeout = std::chrono::seconds(20)) {
    auto end = std::chrono::steady_clock::now() + timeout;
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return condition();
  }

  grpc::Status Connect(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::CollectorMessage, v1::NodeMessage>* stream)
      override {
    v1::NodeMessage message;
    int batches = 0;
    while (stream->Read(&message)) {
      v1::CollectorMessage answer;
      if (message.has_hello()) {
        Welcome(message.hello(), *answer.mutable_welcome());
        if (behaviour().newer) {
          v1::CollectorMessage unknown;  // a kind that there is not yet
          AddUnknownFields(&unknown);
          if (!stream->Write(unknown)) break;
          AddUnknownFields(&answer);
        }
        if (!stream->Write(answer)) break;
        if (!SendCommands(*stream)) break;
      } else if (message.has_batch()) {
        bool answered = Store(message.batch());
        answer.mutable_ack()->set_seq(message.batch().seq());
        if (behaviour().newer) AddUnknownFields(&answer);
        if (answered && !stream->Write(answer)) break;
        int end = behaviour().end_stream_after;
        if (end > 0 && ++batches >= end) {
          return grpc::Status(grpc::StatusCode::UNAVAILABLE, "a test says so");
        }
      } else if (message.has_command_result()) {
        std::lock_guard lock(mutex_);
        if (behaviour_.lose_results > 0) {
          --behaviour_.lose_results;
          return grpc::Status(grpc::StatusCode::UNAVAILABLE, "a test says so");
        }
        results_.push_back(message.command_result());
        stored_at_result_.push_back(stored_.seqs.size());
      }
    }
    return grpc::Status::OK;
  }

 private:
  Behaviour behaviour() {
    std::lock_guard lock(mutex_);
    return behaviour_;
  }
  void Welcome(const v1::Hello& hello, v1::Welcome& welcome) {
    std::lock_guard lock(mutex_);
    hellos_.push_back(hello);
    welcome.set_next_seq(stored_.high_water + 1);
    welcome.set_max_batch_bytes(behaviour_.max_batch_bytes);
  }
  bool SendCommands(
      grpc::ServerReaderWriter<v1::CollectorMessage, v1::NodeMessage>& stream) {
    std::vector<v1::Command> commands;
    {
      std::lock_guard lock(mutex_);
      commands.swap(commands_);
    }
    for (v1::Command& command : commands) {
      v1::CollectorMessage message;
      *message.mutable_command() = std::move(command);
      if (behaviour().newer) AddUnknownFields(&message);
      if (!stream.Write(message)) return false;
    }
    return true;
  }
  bool Store(const v1::Batch& batch) {
    std::this_thread::sleep_for(behaviour().delay);
    std::lock_guard lock(mutex_);
    if (batch.seq() <= stored_.high_water) {
      ++stored_.duplicates;
    } else {
      stored_.high_water = batch.seq();
      stored_.seqs.push_back(batch.seq());
      batches_.push_back(batch);
    }
    if (behaviour_.lose_acks == 0) return true;
    --behaviour_.lose_acks;
    return false;
  }

  std::mutex mutex_;
  Behaviour behaviour_;
  Stored stored_;
  std::vector<v1::Batch> batches_;
  std::vector<v1::Hello> hellos_;
  std::vector<v1::Command> commands_;
  std::vector<size_t> stored_at_result_;
  std::vector<v1::CommandResult> results_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_FAKE_COLLECTOR_H_
