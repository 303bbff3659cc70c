// Batches from all streams, decoded and stored by one thread in groups: one
// transaction, and so one disk flush, for all that waited meanwhile.
//
// Full disk or a store that fails for the moment: the group stays, is counted
// STORE_WRITE at each attempt and is tried again; nobody is acknowledged, and
// streams stop being read (WantsMore is false). A batch that the store refuses
// by itself for another reason is given back with the error, so that it cannot
// hold up the others.
//
// Bytes that do not decode are counted (INVALID_MESSAGE, BATCH_TOO_LARGE) and
// acknowledged when their seq can be read, since they would never get better.
//
// So is a batch that describes a process of another node than its stream's: it
// is counted as a refusal, too.
//
// Push, WantsMore: any thread. `done` runs on the ingest thread.
#ifndef PLIMSOLL_COLLECTOR_RPC_INGEST_QUEUE_H_
#define PLIMSOLL_COLLECTOR_RPC_INGEST_QUEUE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/ingest/ingest_port.h"
#include "collector/core/ingest/loss_counter.h"
#include "collector/core/ingest/refusal_counter.h"

namespace plimsoll::collector::rpc {

struct QueuedBatch {
  std::string agent_id, spool_id;
  std::string node;  // the only one that it may speak of; "": not checked
  std::string raw;   // a NodeMessage
  // The seq that is now stored, with all before it of its stream.
  std::function<void(absl::StatusOr<uint64_t>)> done;
};

struct IngestOptions {
  size_t max_bytes = 64 << 20;
  size_t group_batches = 512;
  size_t group_bytes = 16 << 20;
  int64_t first_retry_ms = 500;
  int64_t last_retry_ms = 30'000;
};

class IngestQueue {
 public:
  IngestQueue(BatchStore* store, LossCounter* losses, IngestOptions options,
              RefusalCounter* refusals = nullptr);
  ~IngestQueue();  // Stop
  IngestQueue(const IngestQueue&) = delete;
  IngestQueue& operator=(const IngestQueue&) = delete;

  // False when stopping; `done` is not called then.
  bool Push(QueuedBatch batch);
  bool WantsMore() const;
  // Stores what is queued (one attempt), then ends the thread.
  void Stop();

 private:
  struct Decoded {
    std::vector<IncomingBatch> batches;
    std::vector<std::function<void(absl::StatusOr<uint64_t>)>> done;
  };
  void Run();
  Decoded Decode(std::vector<QueuedBatch> group);
  void StoreGroup(Decoded group);
  absl::Status TryUntilStored(const std::vector<IncomingBatch>& batches);
  // False when the queue is stopping.
  bool Sleep(int64_t milliseconds);

  BatchStore* const store_;
  LossCounter* const losses_;
  RefusalCounter* const refusals_;
  const IngestOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<QueuedBatch> queue_;
  size_t queued_bytes_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_INGEST_QUEUE_H_
