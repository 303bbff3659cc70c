#include "collector/rpc/ingest_queue.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "collector/rpc/batch_decoder.h"

namespace plimsoll::collector::rpc {
namespace {

bool MayPass(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status) ||
         absl::IsPermissionDenied(status);
}

// kPermissionDenied, naming the node that `batch` wrongly speaks of.
absl::Status SpeaksOf(const std::string& node, const NodeBatch& batch) {
  for (const DescribedProcess& process : batch.processes) {
    const std::string& claimed = process.info.node;
    if (node.empty() || claimed.empty() || claimed == node) continue;
    return absl::PermissionDeniedError("a process of node \"" +
                                       claimed.substr(0, 256) +
                                       "\" from node \"" + node + "\"");
  }
  return absl::OkStatus();
}

std::string Text(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace

IngestQueue::IngestQueue(BatchStore* store, LossCounter* losses,
                         IngestOptions options, RefusalCounter* refusals)
    : store_(store), losses_(losses), refusals_(refusals), options_(options) {
  thread_ = std::thread([this] { Run(); });
}

IngestQueue::~IngestQueue() { Stop(); }

bool IngestQueue::Push(QueuedBatch batch) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return false;
  queued_bytes_ += batch.raw.size();
  queue_.push_back(std::move(batch));
  changed_.notify_one();
  return true;
}

bool IngestQueue::WantsMore() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return queued_bytes_ < options_.max_bytes;
}

void IngestQueue::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool IngestQueue::Sleep(int64_t milliseconds) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                    [this] { return stopping_; });
  return !stopping_;
}

void IngestQueue::Run() {
  for (;;) {
    std::vector<QueuedBatch> group;
    size_t bytes = 0;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      while (!queue_.empty() && group.size() < options_.group_batches &&
             bytes < options_.group_bytes) {
        bytes += queue_.front().raw.size();
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    StoreGroup(Decode(std::move(group)));
    std::lock_guard<std::mutex> lock(mutex_);
    queued_bytes_ -= bytes;
  }
}

IngestQueue::Decoded IngestQueue::Decode(std::vector<QueuedBatch> group) {
  Decoded out;
  for (QueuedBatch& queued : group) {
    IncomingBatch incoming;
    auto batch = DecodeBatch(queued.raw);
    if (batch.ok()) {
      if (absl::Status own = SpeaksOf(queued.node, *batch); !own.ok()) {
        batch = own;
      }
    }
    if (batch.ok()) {
      incoming.batch = *std::move(batch);
      incoming.raw = std::move(queued.raw);
    } else {
      plimsoll_drop_reason reason = absl::IsResourceExhausted(batch.status())
                                        ? PLIMSOLL_DROP_BATCH_TOO_LARGE
                                        : PLIMSOLL_DROP_INVALID_MESSAGE;
      if (absl::IsPermissionDenied(batch.status()) && refusals_ != nullptr) {
        refusals_->Count(Refusal::kOtherNode);
      }
      std::optional<uint64_t> seq = PeekSeq(queued.raw);
      spdlog::warn("refused batch agent={} seq={} reason=\"{}\"",
                   queued.agent_id, seq ? std::to_string(*seq) : "unknown",
                   Text(batch.status()));
      if (!seq) {
        losses_->Count(reason);
        queued.done(batch.status());
        continue;
      }
      incoming.batch.seq = *seq;
      incoming.batch.refused.emplace_back(reason, 1);
    }
    incoming.agent_id = std::move(queued.agent_id);
    incoming.spool_id = std::move(queued.spool_id);
    out.batches.push_back(std::move(incoming));
    out.done.push_back(std::move(queued.done));
  }
  return out;
}

absl::Status IngestQueue::TryUntilStored(
    const std::vector<IncomingBatch>& batches) {
  int64_t wait_ms = options_.first_retry_ms;
  for (;;) {
    absl::Status status = store_->Apply(batches);
    if (status.ok()) return status;
    losses_->Count(PLIMSOLL_DROP_STORE_WRITE,
                   static_cast<int64_t>(batches.size()));
    if (!MayPass(status)) return status;
    spdlog::error("store refused batches={} retry_ms={} error=\"{}\"",
                  batches.size(), wait_ms, Text(status));
    if (!Sleep(wait_ms)) return status;
    wait_ms = std::min(2 * wait_ms, options_.last_retry_ms);
  }
}

void IngestQueue::StoreGroup(Decoded group) {
  if (group.batches.empty()) return;
  absl::Status status = TryUntilStored(group.batches);
  if (status.ok() || MayPass(status)) {
    for (size_t i = 0; i < group.done.size(); ++i) {
      if (status.ok()) {
        group.done[i](group.batches[i].batch.seq);
      } else {
        group.done[i](status);
      }
    }
    return;
  }
  // One of them is at fault: each for itself.
  for (size_t i = 0; i < group.batches.size(); ++i) {
    std::vector<IncomingBatch> one;
    one.push_back(std::move(group.batches[i]));
    absl::Status alone = TryUntilStored(one);
    if (alone.ok()) {
      group.done[i](one[0].batch.seq);
      continue;
    }
    spdlog::error("store refused agent={} seq={} error=\"{}\"", one[0].agent_id,
                  one[0].batch.seq, Text(alone));
    group.done[i](alone);
  }
}

}  // namespace plimsoll::collector::rpc
