#include "collector/rpc/fleet_stream.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "collector/rpc/batch_decoder.h"
#include "collector/rpc/text_repair.h"

namespace plimsoll::collector::rpc {
namespace {

constexpr int kMaxNotStored = 4;
constexpr size_t kMaxOutgoing = 64;
constexpr size_t kMaxIdBytes = 256;
constexpr char kBatchTag = 2 << 3 | 2;  // NodeMessage.batch

std::string ToBytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

grpc::ByteBuffer ToBuffer(const v1::CollectorMessage& message) {
  grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

const char* OutcomeName(int outcome) {
  switch (outcome) {
    case v1::CommandResult::OUTCOME_DONE:
      return "done";
    case v1::CommandResult::OUTCOME_REFUSED:
      return "refused";
    case v1::CommandResult::OUTCOME_PROCESS_GONE:
      return "process_gone";
    default:
      return "failed";
  }
}

}  // namespace

std::shared_ptr<FleetStream> StreamRegistry::Put(
    const std::string& agent_id, std::shared_ptr<FleetStream> stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::swap(streams_[agent_id], stream);
  return stream;
}

void StreamRegistry::Remove(const std::string& agent_id,
                            const FleetStream* stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = streams_.find(agent_id);
  if (found != streams_.end() && found->second.get() == stream) {
    streams_.erase(found);
  }
}

std::shared_ptr<FleetStream> StreamRegistry::Find(
    const std::string& agent_id) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = streams_.find(agent_id);
  return found == streams_.end() ? nullptr : found->second;
}

std::vector<std::string> StreamRegistry::Agents() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> agents;
  for (const auto& [agent_id, stream] : streams_) agents.push_back(agent_id);
  return agents;
}

void Address(const CommandTarget& target, v1::Command* command) {
  command->set_id(target.command_id);
  v1::ProcessId* id = command->mutable_process();
  id->set_boot_id(target.process.boot_id);
  id->set_pid(target.process.pid);
  id->set_start_ticks(target.process.start_ticks);
  id->set_exec_seq(target.process.exec_seq);
}

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
  std::lock_guard<std::mutex> lock(stream->mutex_);
  stream->reactor_ = reactor;
  stream->MaybeReadLocked();
  return reactor;
}

void FleetStream::OnRead(bool ok) {
  std::lock_guard<std::mutex> lock(mutex_);
  reading_ = false;
  if (!ok) {
    FinishLocked(grpc::Status::OK);
    return;
  }
  HandleLocked(&incoming_);
  incoming_.Clear();
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
    FinishLocked({grpc::StatusCode::INVALID_ARGUMENT,
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
    case v1::NodeMessage::kCommandResult: {
      const v1::CommandResult& result = message.command_result();
      absl::Status status = context_->ports.commands->FinishCommand(
          result.command_id(), OutcomeName(result.outcome()),
          result.reason().substr(0, 4096));
      if (!status.ok()) {
        spdlog::warn("command result not stored command={} error=\"{}\"",
                     result.command_id(), std::string(status.message()));
      }
      return;
    }
    case v1::NodeMessage::MESSAGE_NOT_SET:
      return;  // of a newer agent
  }
}

void FleetStream::HandleHelloLocked(const v1::Hello& hello) {
  if (greeted_ || hello.agent_id().empty() || hello.spool_id().empty() ||
      hello.agent_id().size() > kMaxIdBytes ||
      hello.spool_id().size() > kMaxIdBytes) {
    context_->ports.losses->Count(PLIMSOLL_DROP_INVALID_MESSAGE);
    FinishLocked({grpc::StatusCode::INVALID_ARGUMENT,
                  "Hello needs agent_id and spool_id, once"});
    return;
  }
  hello_ = {hello.agent_id(),      hello.spool_id(),       hello.node(),
            hello.agent_version(), hello.kernel_release(), hello.first_seq()};
  auto next_seq = context_->ports.store->OpenStream(hello_);
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
  spdlog::info("agent connected agent={} node={} next_seq={}", hello_.agent_id,
               hello_.node, *next_seq);
  v1::CollectorMessage message;
  message.mutable_welcome()->set_next_seq(*next_seq);
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
    FinishLocked({grpc::StatusCode::FAILED_PRECONDITION, "Batch before Hello"});
    return;
  }
  bool taken =
      context_->queue->Push({hello_.agent_id, hello_.spool_id, std::move(raw),
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
    if (!greeted_) return;
  }
  context_->registry->Remove(hello_.agent_id, this);
  spdlog::info("agent disconnected agent={}", hello_.agent_id);
}

}  // namespace plimsoll::collector::rpc
