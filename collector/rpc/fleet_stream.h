// One stream of one agent: a gRPC reactor and the part of it that outlives the
// call. Private to collector/rpc; includes gRPC.
#ifndef PLIMSOLL_COLLECTOR_RPC_FLEET_STREAM_H_
#define PLIMSOLL_COLLECTOR_RPC_FLEET_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "collector/rpc/fleet_service.h"
#include "plimsoll/v1/stream.pb.h"

namespace plimsoll::collector::rpc {

class FleetStream;

// Says which command this is and of which process.
void Address(const CommandTarget& target, v1::Command* command);

// The streams that said Hello, by agent. Any thread.
class StreamRegistry {
 public:
  // Returns the stream that was there before.
  std::shared_ptr<FleetStream> Put(const std::string& agent_id,
                                   std::shared_ptr<FleetStream> stream);
  void Remove(const std::string& agent_id, const FleetStream* stream);
  std::shared_ptr<FleetStream> Find(const std::string& agent_id) const;
  std::vector<std::string> Agents() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<FleetStream>> streams_;
};

// What a stream works with; one for all streams.
struct StreamContext {
  FleetServerPorts ports;
  IngestQueue* queue;
  StreamRegistry* registry;
  std::string collector_version;
};

// State of a stream, shared by gRPC's threads, the ingest thread (which reports
// batches stored) and whoever sends commands. The reactor points here and is
// forgotten here when gRPC is done with it.
class FleetStream : public std::enable_shared_from_this<FleetStream> {
 public:
  // `context` and `call` outlive the call; see Attach.
  explicit FleetStream(const StreamContext* context) : context_(context) {}

  // The reactor for gRPC, which deletes itself.
  static grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Open(
      const StreamContext* context, grpc::CallbackServerContext* call);

  bool Send(const v1::CollectorMessage& message);
  void Close(const grpc::Status& status);

 private:
  class Reactor;
  // Under mutex_.
  void HandleLocked(grpc::ByteBuffer* buffer);
  void HandleBatchLocked(std::string raw);
  void HandleHelloLocked(const v1::Hello& hello);
  void SendPendingLocked();
  void SendLocked(const v1::CollectorMessage& message);
  void WriteNextLocked();
  void MaybeReadLocked();
  void FinishLocked(const grpc::Status& status);

  // Entry points of the reactor and the queue.
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnStored(absl::StatusOr<uint64_t> seq);
  void OnDone();

  const StreamContext* const context_;
  std::mutex mutex_;
  Reactor* reactor_ = nullptr;  // null once the call is over
  NodeHello hello_;
  bool greeted_ = false, reading_ = false, writing_ = false;
  bool finishing_ = false, finished_ = false;
  grpc::Status final_status_;
  int not_stored_ = 0;
  bool ack_due_ = false;
  uint64_t ack_seq_ = 0;
  std::deque<grpc::ByteBuffer> outgoing_;
  grpc::ByteBuffer incoming_, being_written_;
};

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_FLEET_STREAM_H_
