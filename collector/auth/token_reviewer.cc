#include "collector/auth/token_reviewer.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "collector/auth/api_post.h"

namespace plimsoll::collector::auth {
namespace {

// A bound token is about 1 kB.
constexpr size_t kMaxTokenBytes = 16 << 10;

bool IsKept(const absl::Status& status) {
  return status.ok() || absl::IsUnauthenticated(status) ||
         absl::IsPermissionDenied(status);
}

}  // namespace

class TokenReviewer::Impl {
 public:
  explicit Impl(TokenReviewerOptions options)
      : options_(std::move(options)),
        post_({options_.url, options_.token_file, options_.ca_file,
               options_.timeout_ns},
              &stop_),
        thread_([this] { Run(); }) {}
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
    FailAll(absl::UnavailableError("the collector is stopping"));
  }

  void Authenticate(PeerEvidence evidence, Done done) {
    if (evidence.token.empty() || evidence.token.size() > kMaxTokenBytes) {
      done(absl::UnauthenticatedError(
          evidence.token.empty() ? "no token was shown"
                                 : "the token is too large to be one"));
      return;
    }
    std::optional<Answer> known;
    {
      const std::lock_guard lock(mutex_);
      known = FindLocked(evidence.token);
      if (!known && waiting_.size() < options_.most_waiting && !stop_) {
        waiting_.push_back({std::move(evidence.token), std::move(done)});
        changed_.notify_one();
        return;
      }
    }
    if (known) return done(*std::move(known));
    done(absl::UnavailableError(
        "too many agents wait for their token's review"));
  }

  TokenReviewerStats stats() const {
    const std::lock_guard lock(mutex_);
    TokenReviewerStats stats = stats_;
    stats.remembered = static_cast<int64_t>(kept_.size());
    return stats;
  }

 private:
  using Answer = absl::StatusOr<PeerIdentity>;
  struct Waiting {
    std::string token;
    Done done;
  };
  struct Kept {
    Answer answer;
    int64_t until_ns = 0;
  };

  std::optional<Answer> FindLocked(const std::string& token) {
    auto found = kept_.find(token);
    if (found == kept_.end()) return std::nullopt;
    if (found->second.until_ns > options_.now_ns()) {
      return found->second.answer;
    }
    kept_.erase(found);
    return std::nullopt;
  }

  void KeepLocked(const std::string& token, const Answer& answer) {
    const int64_t now = options_.now_ns();
    if (kept_.size() >= options_.most_kept) {
      std::erase_if(kept_, [&](const auto& entry) {
        return entry.second.until_ns <= now;
      });
    }
    // Full of what still holds: it is asked again instead.
    if (kept_.size() >= options_.most_kept) return;
    kept_[token] = {answer, now + (answer.ok() ? options_.keep_ns
                                               : options_.keep_refused_ns)};
  }

  Answer Review(const std::string& token) {
    auto text =
        post_.Send(kTokenReviewPath, TokenReviewRequest(token, options_.rules));
    Answer answer = text.ok() ? ParseTokenReview(*text, options_.rules)
                              : Answer(text.status());
    const std::lock_guard lock(mutex_);
    ++stats_.reviews;
    if (IsKept(answer.status())) {
      KeepLocked(token, answer);
    } else {
      ++stats_.failures;
    }
    return answer;
  }

  void FailAll(const absl::Status& status) {
    std::deque<Waiting> waiting;
    {
      const std::lock_guard lock(mutex_);
      waiting.swap(waiting_);
    }
    for (Waiting& one : waiting) one.done(status);
  }

  void Run() {
    for (;;) {
      Waiting next;
      std::optional<Answer> known;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
        if (stop_) return;
        next = std::move(waiting_.front());
        waiting_.pop_front();
        known = FindLocked(next.token);  // of one who asked the same before
      }
      const Answer answer = known ? *known : Review(next.token);
      // Before it is told: who asks after that gets a review of its own.
      if (!IsKept(answer.status())) FailAll(answer.status());
      next.done(answer);
    }
  }

  const TokenReviewerOptions options_;
  std::atomic<bool> stop_ = false;
  ApiPost post_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  std::map<std::string, Kept> kept_;  // by token
  TokenReviewerStats stats_;
  std::thread thread_;  // last: runs over all of the above
};

TokenReviewer::TokenReviewer(TokenReviewerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
TokenReviewer::~TokenReviewer() = default;

void TokenReviewer::Authenticate(PeerEvidence evidence, Done done) {
  impl_->Authenticate(std::move(evidence), std::move(done));
}

TokenReviewerStats TokenReviewer::stats() const { return impl_->stats(); }

}  // namespace plimsoll::collector::auth
