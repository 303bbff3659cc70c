// One agent's end of the stream, by hand: says Hello, sends batches and
// results, reads what comes. Every read gives up with the call's deadline.
#ifndef PLIMSOLL_TESTS_SUPPORT_STREAM_AGENT_H_
#define PLIMSOLL_TESTS_SUPPORT_STREAM_AGENT_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "plimsoll/v1/stream.grpc.pb.h"

namespace plimsoll::testing {

// What it shows of itself.
struct StreamProof {
  std::shared_ptr<grpc::ChannelCredentials> credentials =
      grpc::InsecureChannelCredentials();
  std::string token;
  std::string node = "node-1";
};

class StreamAgent {
 public:
  StreamAgent(int port, const std::string& agent_id,
              const std::string& spool_id, const StreamProof& proof = {})
      : stub_(v1::Fleet::NewStub(grpc::CreateCustomChannel(
            "127.0.0.1:" + std::to_string(port), proof.credentials, Own()))),
        call_(std::make_unique<grpc::ClientContext>()) {
    call_->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::seconds(30));
    if (!proof.token.empty()) {
      call_->AddMetadata("authorization", "Bearer " + proof.token);
    }
    stream_ = stub_->Connect(call_.get());
    v1::NodeMessage hello;
    hello.mutable_hello()->set_agent_id(agent_id);
    hello.mutable_hello()->set_spool_id(spool_id);
    hello.mutable_hello()->set_node(proof.node);
    Write(hello);
  }
  v1::CollectorMessage Read() {
    v1::CollectorMessage message;
    open_ = stream_->Read(&message);
    return message;
  }
  void Write(const v1::NodeMessage& message) { stream_->Write(message); }
  void Send(const v1::Batch& batch) {
    v1::NodeMessage message;
    *message.mutable_batch() = batch;
    Write(message);
  }
  // Reads until that seq or a later one is acknowledged.
  bool WaitAck(uint64_t seq) {
    for (;;) {
      v1::CollectorMessage message = Read();
      if (!open_) return false;
      if (message.ack().seq() >= seq) return true;
    }
  }
  void SendResult(uint64_t command_id,
                  const std::string& reason = "too costly") {
    v1::NodeMessage message;
    message.mutable_command_result()->set_command_id(command_id);
    message.mutable_command_result()->set_outcome(
        v1::CommandResult::OUTCOME_REFUSED);
    message.mutable_command_result()->set_reason(reason);
    Write(message);
  }
  // How the collector ended it; waits for that.
  grpc::Status WaitEnd() {
    v1::CollectorMessage rest;
    while (stream_->Read(&rest)) {
    }
    return stream_->Finish();
  }
  grpc::Status End() {
    stream_->WritesDone();
    return WaitEnd();
  }

 private:
  static grpc::ChannelArguments Own() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return arguments;
  }
  std::unique_ptr<v1::Fleet::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> call_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::NodeMessage, v1::CollectorMessage>>
      stream_;
  bool open_ = true;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_STREAM_AGENT_H_
