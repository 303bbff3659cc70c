// One stream of one agent: a gRPC reactor and the part of it that outlives the
// call. Private to collector/rpc; includes gRPC.
#ifndef PLIMSOLL_COLLECTOR_RPC_FLEET_STREAM_H_
#define PLIMSOLL_COLLECTOR_RPC_FLEET_STREAM_H_

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collector/rpc/fleet_service.h"
#include "collector/rpc/rate_book.h"
#include "collector/rpc/refusal_log.h"
#include "collector/rpc/stream_registry.h"
#include "plimsoll/v1/stream.pb.h"

namespace plimsoll::collector::rpc {

// What a stream works with; one for all streams.
struct StreamContext {
  FleetServerPorts ports;
  IngestQueue* queue;
  StreamRegistry* registry;
  RateBook* rates;
  RefusalLog* refused;
  std::string collector_version;
  size_t max_streams;
  int64_t hello_within_ms;
  mutable std::atomic<size_t> streams{0};  // that are open
};

// State of a stream, shared by gRPC's threads, the ingest thread (which reports
// batches stored) and whoever sends commands. The reactor points here and is
// forgotten here when gRPC is done with it.
class FleetStream : public std::enable_shared_from_this<FleetStream> {
 public:
  // `context` and `call` outlive the call; see Attach.
  explicit FleetStream(const StreamContext* context) : context_(context) {
    ++context_->streams;
  }
  FleetStream(const FleetStream&) = delete;
  FleetStream& operator=(const FleetStream&) = delete;

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
  void HandleResultLocked(const v1::CommandResult& result);
  bool MayGreetLocked(const v1::Hello& hello);
  void WelcomeLocked(uint64_t next_seq);
  void RefuseLocked(Refusal refusal, const grpc::Status& status);
  void ThrottleLocked(int64_t wait_ns);
  void SendPendingLocked();
  void SendLocked(const v1::CollectorMessage& message);
  void WriteNextLocked();
  void MaybeReadLocked();
  void FinishLocked(const grpc::Status& status);

  // Entry points of the reactor and the queue.
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnAuthenticated(absl::StatusOr<PeerIdentity> identity);
  void OnHelloLate();
  void OnRested();
  void OnStored(absl::StatusOr<uint64_t> seq);
  void OnDone();

  const StreamContext* const context_;
  std::mutex mutex_;
  Reactor* reactor_ = nullptr;  // null once the call is over
  NodeHello hello_;
  std::string address_;
  std::optional<PeerIdentity> identity_;  // as proven
  bool proving_ = false;  // who it is; it is not read until then
  bool resting_ = false;  // it has sent too much
  bool greeted_ = false, reading_ = false, writing_ = false;
  bool finishing_ = false, finished_ = false;
  grpc::Status final_status_;
  int not_stored_ = 0;
  bool ack_due_ = false;
  uint64_t ack_seq_ = 0;
  std::deque<grpc::ByteBuffer> outgoing_;
  grpc::ByteBuffer incoming_, being_written_;
  grpc::Alarm hello_alarm_, rest_alarm_;
};

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_FLEET_STREAM_H_
