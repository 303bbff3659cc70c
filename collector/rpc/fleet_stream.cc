#include "collector/rpc/fleet_stream.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "collector/rpc/batch_decoder.h"
#include "collector/rpc/peer_evidence.h"
#include "collector/rpc/text_repair.h"
#include "collector/rpc/wire_bytes.h"

namespace plimsoll::collector::rpc {
namespace {

constexpr int kMaxNotStored = 4;
constexpr size_t kMaxOutgoing = 64;
constexpr char kBatchTag = 2 << 3 | 2;  // NodeMessage.batch

}  // namespace

class FleetStream::Reactor
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Reactor(std::shared_ptr<FleetStream> stream,
          grpc::CallbackServerContext* call)
      : stream_(std::move(stream)), call_(call) {}
  void OnReadDone(bool ok) override { stream_->OnRead(ok); }
  void OnWriteDone(bool ok) override { stream_->OnWritten(ok); }
  void OnCancel() override { stream_->Close(grpc::Status::CANCELLED); }
  void OnDone() override {
    stream_->OnDone();
    delete this;
  }
  grpc::CallbackServerContext* call() { return call_; }

 private:
  std::shared_ptr<FleetStream> stream_;
  grpc::CallbackServerContext* call_;
};

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* FleetStream::Open(
    const StreamContext* context, grpc::CallbackServerContext* call) {
  auto stream = std::make_shared<FleetStream>(context);
  auto* reactor = new Reactor(stream, call);
  PeerAuthenticator* const authenticator = context->ports.authenticator;
  {
    std::lock_guard<std::mutex> lock(stream->mutex_);
    stream->reactor_ = reactor;
    stream->address_ = call->peer();
    if (context->streams > context->max_streams) {
      stream->RefuseLocked(Refusal::kStreams,
                           {grpc::StatusCode::RESOURCE_EXHAUSTED,
                            "the collector has as many streams as it takes"});
      return reactor;
    }
    stream->hello_alarm_.Set(
        std::chrono::system_clock::now() +
            std::chrono::milliseconds(context->hello_within_ms),
        [weak = stream->weak_from_this()](bool due) {
          if (auto late = weak.lock(); late != nullptr && due) {
            late->OnHelloLate();
          }
        });
    stream->proving_ = authenticator != nullptr;
    stream->MaybeReadLocked();
  }
  if (authenticator != nullptr) {
    authenticator->Authenticate(EvidenceOf(*call), [stream](auto identity) {
      stream->OnAuthenticated(std::move(identity));
    });
  }
  return reactor;
}

void FleetStream::OnAuthenticated(absl::StatusOr<PeerIdentity> identity) {
  std::lock_guard<std::mutex> lock(mutex_);
  proving_ = false;
  if (identity.ok()) {
    identity_ = *std::move(identity);
    MaybeReadLocked();
    return;
  }
  RefuseLocked(absl::IsUnavailable(identity.status())
                   ? Refusal::kUnverifiable
                   : Refusal::kUnauthenticated,
               ToGrpc(identity.status()));
}

void FleetStream::OnHelloLate() {
  std::lock_guard<std::mutex> lock(mutex_);
  // Who waits for an answer about its token is not late.
  if (greeted_ || proving_) return;
  RefuseLocked(Refusal::kHelloLate,
               {grpc::StatusCode::DEADLINE_EXCEEDED, "no Hello came in time"});
}

void FleetStream::RefuseLocked(Refusal refusal, const grpc::Status& status) {
  if (finishing_ || reactor_ == nullptr) return;
  if (context_->ports.refusals != nullptr) {
    context_->ports.refusals->Count(refusal);
  }
  if (const auto unsaid = context_->refused->Take()) {
    spdlog::warn(
        "stream refused peer={} agent={} node={} reason=\"{}\" more_unsaid={}",
        address_, hello_.agent_id, hello_.node, status.error_message(),
        *unsaid);
  }
  FinishLocked(status);
}

void FleetStream::ThrottleLocked(int64_t wait_ns) {
  resting_ = true;
  if (context_->ports.refusals != nullptr) {
    context_->ports.refusals->Count(Refusal::kThrottled);
  }
  rest_alarm_.Set(
      std::chrono::system_clock::now() + std::chrono::nanoseconds(wait_ns),
      [weak = weak_from_this()](bool) {
        if (auto rested = weak.lock(); rested != nullptr) rested->OnRested();
      });
}

void FleetStream::OnRested() {
  std::lock_guard<std::mutex> lock(mutex_);
  resting_ = false;
  MaybeReadLocked();
}

void FleetStream::OnRead(bool ok) {
  std::lock_guard<std::mutex> lock(mutex_);
  reading_ = false;
  if (!ok) {
    FinishLocked(grpc::Status::OK);
    return;
  }
  const size_t bytes = incoming_.Length();
  HandleLocked(&incoming_);
  incoming_.Clear();
  if (greeted_ && !finishing_) {
    const int64_t wait_ns = context_->rates->Spend(hello_.agent_id, bytes);
    if (wait_ns > 0) ThrottleLocked(wait_ns);
  }
  MaybeReadLocked();
}

void FleetStream::HandleLocked(grpc::ByteBuffer* buffer) {
  std::string raw = ToBytes(*buffer);
  if (!raw.empty() && raw[0] == kBatchTag) {
    HandleBatchLocked(std::move(raw));
    return;
  }
  v1::NodeMessage message;
  const int64_t repaired = ParseRepaired(raw, &message);
  if (repaired != 0) {
    context_->ports.losses->Count(PLIMSOLL_DROP_INVALID_MESSAGE);
  }
  if (repaired < 0) {
    RefuseLocked(Refusal::kMessage,
                 {grpc::StatusCode::INVALID_ARGUMENT,
                  "the message does not parse as plimsoll.v1.NodeMessage"});
    return;
  }
  switch (message.message_case()) {
    case v1::NodeMessage::kHello:
      HandleHelloLocked(message.hello());
      return;
    case v1::NodeMessage::kBatch:
      HandleBatchLocked(std::move(raw));
      return;
    case v1::NodeMessage::kCommandResult:
      HandleResultLocked(message.command_result());
      return;
    case v1::NodeMessage::MESSAGE_NOT_SET:
      return;  // of a newer agent
  }
}

void FleetStream::HandleResultLocked(const v1::CommandResult& result) {
  const absl::Status status = context_->ports.commands->FinishCommand(
      hello_.agent_id, result.command_id(), OutcomeName(result.outcome()),
      result.reason().substr(0, 4096));
  if (absl::IsPermissionDenied(status)) {
    RefuseLocked(Refusal::kOtherNode, ToGrpc(status));
  } else if (!status.ok()) {
    spdlog::warn("command result not stored command={} error=\"{}\"",
                 result.command_id(), std::string(status.message()));
  }
}

bool FleetStream::MayGreetLocked(const v1::Hello& hello) {
  const std::string why = greeted_ ? "Hello is said once" : WhyNoHello(hello);
  if (!why.empty()) {
    context_->ports.losses->Count(PLIMSOLL_DROP_INVALID_MESSAGE);
    RefuseLocked(Refusal::kMessage, {grpc::StatusCode::INVALID_ARGUMENT, why});
    return false;
  }
  hello_ = {hello.agent_id(),      hello.spool_id(),       hello.node(),
            hello.agent_version(), hello.kernel_release(), hello.first_seq(),
            identity_.has_value()};
  // The id of a node that is known by its name is no other node's to take.
  if (IsIdOfOtherNode(hello_.agent_id, hello_.node)) {
    RefuseLocked(Refusal::kOtherNode, {grpc::StatusCode::PERMISSION_DENIED,
                                       "the agent id " + hello_.agent_id +
                                           " is not of node " + hello_.node});
    return false;
  }
  if (!identity_ || MaySpeakFor(*identity_, hello_.node)) return true;
  RefuseLocked(
      Refusal::kOtherNode,
      {grpc::StatusCode::PERMISSION_DENIED,
       "this is node " + identity_->node + " by its " + identity_->how +
           "; it may not speak for node " + hello_.node});
  return false;
}

void FleetStream::HandleHelloLocked(const v1::Hello& hello) {
  if (!MayGreetLocked(hello)) return;
  auto next_seq = context_->ports.store->OpenStream(hello_);
  if (absl::IsPermissionDenied(next_seq.status())) {
    RefuseLocked(Refusal::kOtherNode, ToGrpc(next_seq.status()));
    return;
  }
  if (!next_seq.ok()) {
    FinishLocked({grpc::StatusCode::UNAVAILABLE,
                  std::string(next_seq.status().message())});
    return;
  }
  greeted_ = true;
  auto older = context_->registry->Put(hello_.agent_id, shared_from_this());
  if (older != nullptr) {
    older->Close({grpc::StatusCode::ABORTED, "replaced by a newer stream"});
  }
  spdlog::info("agent connected agent={} node={} proof=\"{}\" next_seq={}",
               hello_.agent_id, hello_.node,
               identity_ ? identity_->how : "none asked for", *next_seq);
  WelcomeLocked(*next_seq);
}

void FleetStream::WelcomeLocked(uint64_t next_seq) {
  v1::CollectorMessage message;
  message.mutable_welcome()->set_next_seq(next_seq);
  message.mutable_welcome()->set_collector_version(context_->collector_version);
  message.mutable_welcome()->set_max_batch_bytes(kMaxBatchBytes);
  SendLocked(message);
  SendPendingLocked();
}

// What was sent on an older stream, or asked for while there was none, and has
// no answer: the agent takes a command that it has had already by its id.
void FleetStream::SendPendingLocked() {
  auto pending = context_->ports.commands->PendingCommands(hello_.agent_id);
  if (!pending.ok()) {
    spdlog::warn("commands not read agent={} error=\"{}\"", hello_.agent_id,
                 std::string(pending.status().message()));
    return;
  }
  for (const PendingCommand& command : *pending) {
    v1::CollectorMessage message;
    if (!message.mutable_command()->ParseFromString(command.payload)) continue;
    Address(command.target, message.mutable_command());
    SendLocked(message);
  }
}

void FleetStream::HandleBatchLocked(std::string raw) {
  if (!greeted_) {
    RefuseLocked(Refusal::kMessage,
                 {grpc::StatusCode::FAILED_PRECONDITION, "Batch before Hello"});
    return;
  }
  bool taken = context_->queue->Push({hello_.agent_id, hello_.spool_id,
                                      identity_ ? hello_.node : std::string(),
                                      std::move(raw),
                                      [stream = shared_from_this()](auto seq) {
                                        stream->OnStored(std::move(seq));
                                      }});
  if (!taken) {
    FinishLocked({grpc::StatusCode::UNAVAILABLE, "the collector is stopping"});
    return;
  }
  ++not_stored_;
}

void FleetStream::OnStored(absl::StatusOr<uint64_t> seq) {
  std::lock_guard<std::mutex> lock(mutex_);
  --not_stored_;
  if (!seq.ok()) {
    bool theirs = absl::IsInvalidArgument(seq.status());
    FinishLocked({theirs ? grpc::StatusCode::INVALID_ARGUMENT
                         : grpc::StatusCode::UNAVAILABLE,
                  std::string(seq.status().message())});
    return;
  }
  ack_seq_ = std::max(ack_seq_, *seq);
  ack_due_ = true;
  WriteNextLocked();
  MaybeReadLocked();
}

bool FleetStream::Send(const v1::CollectorMessage& message) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (reactor_ == nullptr || finishing_ || outgoing_.size() >= kMaxOutgoing) {
    return false;
  }
  SendLocked(message);
  return true;
}

void FleetStream::SendLocked(const v1::CollectorMessage& message) {
  outgoing_.push_back(ToBuffer(message));
  WriteNextLocked();
}

// An Ack stands for all before it, so one waits at most.
void FleetStream::WriteNextLocked() {
  if (writing_ || finishing_ || reactor_ == nullptr) return;
  if (!outgoing_.empty()) {
    being_written_ = outgoing_.front();  // a reference, not a copy of bytes
    outgoing_.pop_front();
  } else if (ack_due_) {
    v1::CollectorMessage message;
    message.mutable_ack()->set_seq(ack_seq_);
    being_written_ = ToBuffer(message);
    ack_due_ = false;
  } else {
    return;
  }
  writing_ = true;
  reactor_->StartWrite(&being_written_);
}

void FleetStream::OnWritten(bool ok) {
  std::lock_guard<std::mutex> lock(mutex_);
  writing_ = false;
  if (finishing_) {
    FinishLocked(final_status_);
  } else if (!ok) {
    FinishLocked({grpc::StatusCode::UNAVAILABLE, "the stream broke"});
  } else {
    WriteNextLocked();
  }
}

void FleetStream::MaybeReadLocked() {
  if (reading_ || finishing_ || reactor_ == nullptr) return;
  if (proving_ || resting_) return;
  if (not_stored_ >= kMaxNotStored) return;
  if (not_stored_ > 0 && !context_->queue->WantsMore()) return;
  reading_ = true;
  reactor_->StartRead(&incoming_);
}

void FleetStream::Close(const grpc::Status& status) {
  std::lock_guard<std::mutex> lock(mutex_);
  FinishLocked(status);
}

void FleetStream::FinishLocked(const grpc::Status& status) {
  if (!finishing_) final_status_ = status;
  finishing_ = true;
  if (finished_ || writing_ || reactor_ == nullptr) return;
  finished_ = true;
  reactor_->Finish(final_status_);
}

void FleetStream::OnDone() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    reactor_ = nullptr;
    --context_->streams;
    if (!greeted_) return;
  }
  context_->registry->Remove(hello_.agent_id, this);
  spdlog::info("agent disconnected agent={}", hello_.agent_id);
}

}  // namespace plimsoll::collector::rpc
