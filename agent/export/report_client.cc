#include "agent/export/report_client.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "agent/export/command_codec.h"
#include "agent/export/fleet_stream.h"
#include "agent/export/spool.h"
#include "plimsoll/v1/stream.pb.h"

namespace plimsoll::exporter {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kMaxResults = 1024;
constexpr milliseconds kLastWrite{200};
constexpr milliseconds kDrainBackoff{1000};

}  // namespace

class ReportClient::Impl {
 public:
  Impl(ReportClientOptions options, Spool* spool)
      : options_(std::move(options)),
        spool_(spool),
        random_(options_.random_seed),
        connection_(options_.collector),
        thread_([this] { Run(); }) {}

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  // Wakes the client's thread; it looks at everything again.
  void PostNews() {
    std::lock_guard lock(mutex_);
    news_ = true;
    wake_.notify_all();
  }

  void PostResult(core::CommandResult result) {
    std::lock_guard lock(mutex_);
    // A collector that is away for long asks again; the oldest go.
    if (results_.size() >= kMaxResults) results_.pop_front();
    results_.push_back({std::move(result), spool_->next_seq()});
    news_ = true;
    wake_.notify_all();
  }

  State state() const {
    std::lock_guard lock(mutex_);
    return state_;
  }

  bool Drain(milliseconds timeout) {
    std::unique_lock lock(mutex_);
    draining_ = true;  // no long pause between tries from here on
    wake_.notify_all();
    return wake_.wait_for(lock, timeout, [this] {
      return results_.empty() && spool_->first_seq() == spool_->next_seq();
    });
  }

 private:
  struct Result {
    core::CommandResult result;
    uint64_t evidence_end = 0;  // everything below this seq is stored first
  };
  struct SentResult {
    Result result;
    uint64_t next_seq = 0;  // of the first batch written after it
  };

  void Run();
  // One stream from Hello to its end; true when the collector took something.
  bool RunStream();
  void NoteEnd(std::string error);
  // What to write next; nullopt when there is nothing to say now.
  std::optional<v1::NodeMessage> NextMessage();
  void Handle(const v1::CollectorMessage& message);
  void HandleWelcome(const v1::Welcome& welcome);
  void HandleAck(uint64_t seq);
  bool TakeResult(v1::CommandResult& out);
  // Those of a stream that broke go out again, in their order.
  void RequeueResults();
  void WaitForWrite(FleetStream& stream);
  bool AckIsLate() const;
  void WaitBeforeRetry(int attempt);

  const ReportClientOptions options_;
  Spool* const spool_;
  std::mt19937_64 random_;  // client thread only
  FleetConnection connection_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  bool stop_ = false;
  bool draining_ = false;
  bool news_ = false;
  std::deque<Result> results_;  // not written yet
  State state_;

  // Of the current stream; client thread only.
  bool welcomed_ = false;
  bool acknowledged_ = false;
  uint64_t next_to_send_ = 0;
  std::deque<uint64_t> unacknowledged_;
  std::deque<SentResult> sent_results_;  // not confirmed yet
  Clock::time_point last_progress_;
  int64_t max_batch_bytes_ = 0;

  std::thread thread_;  // last: runs over all of the above
};

void ReportClient::Impl::Run() {
  int attempt = 0;
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (stop_) return;
    }
    attempt = RunStream() ? 0 : attempt + 1;
    WaitBeforeRetry(attempt);
  }
}

void ReportClient::Impl::WaitBeforeRetry(int attempt) {
  auto bound = options_.min_backoff * (int64_t{1} << std::min(attempt, 16));
  bound = std::min<milliseconds>(bound, options_.max_backoff);
  std::unique_lock lock(mutex_);
  const bool draining = draining_;
  if (draining) bound = std::min<milliseconds>(bound, kDrainBackoff);
  std::uniform_int_distribution<int64_t> jitter(0, bound.count());
  wake_.wait_for(lock, milliseconds(jitter(random_)),
                 [&] { return stop_ || draining_ != draining; });
}

bool ReportClient::Impl::RunStream() {
  welcomed_ = false;
  acknowledged_ = false;
  unacknowledged_.clear();
  RequeueResults();
  last_progress_ = Clock::now();
  auto opened = connection_.Open([this] { PostNews(); });
  if (!opened.ok()) {
    NoteEnd(std::string(opened.status().message()));
    return false;
  }
  const std::unique_ptr<FleetStream> stream = *std::move(opened);
  v1::NodeMessage hello;
  hello.mutable_hello()->set_agent_id(options_.agent_id);
  hello.mutable_hello()->set_spool_id(spool_->spool_id());
  hello.mutable_hello()->set_first_seq(spool_->first_seq());
  hello.mutable_hello()->set_node(options_.node);
  hello.mutable_hello()->set_agent_version(options_.agent_version);
  hello.mutable_hello()->set_kernel_release(options_.kernel_release);
  stream->Write(std::move(hello));
  for (;;) {
    while (auto message = stream->TakeMessage()) Handle(*message);
    if (stream->broken()) break;
    if (AckIsLate()) {
      stream->Cancel("no answer from the collector in time");
    } else if (stream->writable()) {
      if (auto message = NextMessage()) stream->Write(*std::move(message));
    }
    std::unique_lock lock(mutex_);
    // The bound is for AckIsLate(), which no one announces.
    wake_.wait_for(lock, options_.ack_check, [this] { return news_ || stop_; });
    news_ = false;
    if (stop_) {
      lock.unlock();
      WaitForWrite(*stream);
      stream->Cancel("the agent ends");
      break;
    }
  }
  NoteEnd(stream->Finish());
  return acknowledged_;
}

void ReportClient::Impl::NoteEnd(std::string error) {
  bool told = false;
  {
    std::lock_guard lock(mutex_);
    told = !state_.connected && state_.last_error == error;
    state_.connected = false;
    state_.last_error = error;
    if (stop_) return;
  }
  if (!told && options_.on_disconnected) options_.on_disconnected(error);
}

bool ReportClient::Impl::AckIsLate() const {
  bool waiting = !welcomed_ || !unacknowledged_.empty();
  return waiting && Clock::now() - last_progress_ > options_.ack_timeout;
}

std::optional<v1::NodeMessage> ReportClient::Impl::NextMessage() {
  if (!welcomed_) return std::nullopt;
  v1::NodeMessage message;
  if (TakeResult(*message.mutable_command_result())) return message;
  message.Clear();
  while (static_cast<int>(unacknowledged_.size()) <
         options_.max_unacknowledged) {
    auto batch = spool_->ReadFrom(next_to_send_);
    if (!batch) return std::nullopt;
    next_to_send_ = batch->seq + 1;
    bool too_large =
        max_batch_bytes_ > 0 &&
        static_cast<int64_t>(batch->payload.size()) > max_batch_bytes_;
    if (too_large ||
        !message.mutable_batch()->ParseFromString(batch->payload)) {
      // It can never be taken: counted here, and the next Ack deletes it.
      std::lock_guard lock(mutex_);
      ++state_.losses[too_large ? "batch_too_large" : "spool_corrupt"];
      continue;
    }
    message.mutable_batch()->set_seq(batch->seq);
    if (unacknowledged_.empty()) last_progress_ = Clock::now();
    unacknowledged_.push_back(batch->seq);
    std::lock_guard lock(mutex_);
    ++state_.batches_sent;
    return message;
  }
  return std::nullopt;
}

bool ReportClient::Impl::TakeResult(v1::CommandResult& out) {
  {
    std::lock_guard lock(mutex_);
    if (results_.empty() ||
        spool_->first_seq() < results_.front().evidence_end) {
      return false;
    }
    EncodeResult(results_.front().result, out);
    sent_results_.push_back({std::move(results_.front()), next_to_send_});
    results_.pop_front();
    // A collector that acknowledges nothing is not remembered for ever.
    if (sent_results_.size() > kMaxResults) sent_results_.pop_front();
  }
  wake_.notify_all();
  return true;
}

void ReportClient::Impl::RequeueResults() {
  std::lock_guard lock(mutex_);
  while (!sent_results_.empty()) {
    results_.push_front(std::move(sent_results_.back().result));
    sent_results_.pop_back();
  }
}

// What was written last, such as a result, is to leave before the stream goes.
void ReportClient::Impl::WaitForWrite(FleetStream& stream) {
  const auto end = Clock::now() + kLastWrite;
  while (!stream.writable() && !stream.broken() && Clock::now() < end) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, milliseconds(10), [this] { return news_; });
    news_ = false;
  }
}

void ReportClient::Impl::Handle(const v1::CollectorMessage& message) {
  last_progress_ = Clock::now();
  if (message.has_welcome()) {
    HandleWelcome(message.welcome());
  } else if (message.has_ack()) {
    HandleAck(message.ack().seq());
  } else if (message.has_command() && options_.on_command) {
    options_.on_command(DecodeCommand(message.command()));
  }
}

void ReportClient::Impl::HandleWelcome(const v1::Welcome& welcome) {
  if (welcomed_) return;
  welcomed_ = true;
  max_batch_bytes_ = welcome.max_batch_bytes();
  next_to_send_ = welcome.next_seq();
  if (welcome.next_seq() > 0) spool_->Acknowledge(welcome.next_seq() - 1);
  spool_->SkipTo(welcome.next_seq());
  {
    std::lock_guard lock(mutex_);
    state_.connected = true;
    ++state_.connections;
  }
  wake_.notify_all();
  if (options_.on_connected) options_.on_connected();
}

void ReportClient::Impl::HandleAck(uint64_t seq) {
  // An Ack of what was not sent on this stream is not believed: it would
  // delete batches that nobody has.
  if (!welcomed_ || seq >= next_to_send_) return;
  while (!unacknowledged_.empty() && unacknowledged_.front() <= seq) {
    unacknowledged_.pop_front();
  }
  while (!sent_results_.empty() && sent_results_.front().next_seq <= seq) {
    sent_results_.pop_front();
  }
  acknowledged_ = true;
  spool_->Acknowledge(seq);
  {
    std::lock_guard lock(mutex_);
    state_.acknowledged_seq = std::max(state_.acknowledged_seq, seq);
  }
  wake_.notify_all();
}

ReportClient::ReportClient(ReportClientOptions options, Spool* spool)
    : impl_(std::make_unique<Impl>(std::move(options), spool)) {}
ReportClient::~ReportClient() = default;
void ReportClient::PostBatchReady() { impl_->PostNews(); }
void ReportClient::PostResult(core::CommandResult result) {
  impl_->PostResult(std::move(result));
}
ReportClient::State ReportClient::state() const { return impl_->state(); }
bool ReportClient::Drain(std::chrono::milliseconds timeout) {
  return impl_->Drain(timeout);
}

}  // namespace plimsoll::exporter
