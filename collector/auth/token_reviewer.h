// TokenReviewer asks a Kubernetes API server whether tokens are good, one after
// another on a thread of its own, and remembers the answers for a while: what
// was accepted for `keep_ns`, what was refused for `keep_refused_ns`. While the
// server does not answer nobody is let in (kUnavailable), and all who wait are
// told at once.
//
// Bounded: `most_waiting` questions, `most_kept` answers. Authenticate: any
// thread; `done` runs on the reviewer's thread, or within the call where the
// answer is known.
#ifndef PLIMSOLL_COLLECTOR_AUTH_TOKEN_REVIEWER_H_
#define PLIMSOLL_COLLECTOR_AUTH_TOKEN_REVIEWER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "collector/auth/token_review.h"
#include "collector/core/ingest/peer_identity.h"

namespace plimsoll::collector::auth {

struct TokenReviewerOptions {
  std::string url;         // "https://10.0.0.1:443"
  std::string token_file;  // the collector's own, read for each question
  std::string ca_file;     // "": the system's
  TokenRules rules;
  int64_t timeout_ns = 10'000'000'000;
  int64_t keep_ns = 120'000'000'000;
  int64_t keep_refused_ns = 10'000'000'000;
  size_t most_waiting = 4096;
  size_t most_kept = 16'384;
  std::function<int64_t()> now_ns;  // monotonic
};

struct TokenReviewerStats {
  int64_t reviews = 0;   // questions that were asked
  int64_t failures = 0;  // that had no answer
  int64_t remembered = 0;
};

class TokenReviewer final : public PeerAuthenticator {
 public:
  explicit TokenReviewer(TokenReviewerOptions options);
  ~TokenReviewer() override;  // those who wait are told kUnavailable

  void Authenticate(PeerEvidence evidence, Done done) override;
  TokenReviewerStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::collector::auth

#endif  // PLIMSOLL_COLLECTOR_AUTH_TOKEN_REVIEWER_H_
