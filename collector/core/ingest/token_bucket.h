// A rate with a burst: `per_s` are put in each second, up to `burst`. Take()
// may draw it below nothing, and Wait() says for how long it then stays there.
// Units are the caller's; times are monotonic nanoseconds. One thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_INGEST_TOKEN_BUCKET_H_
#define PLIMSOLL_COLLECTOR_CORE_INGEST_TOKEN_BUCKET_H_

#include <algorithm>
#include <cstdint>

namespace plimsoll::collector {

struct Rate {
  double per_s = 0;
  double burst = 0;
};

class TokenBucket {
 public:
  TokenBucket(Rate rate, int64_t now_ns)
      : rate_(rate), left_(rate.burst), at_ns_(now_ns) {}

  void Take(double amount, int64_t now_ns) {
    left_ = Left(now_ns) - amount;
    at_ns_ = std::max(at_ns_, now_ns);
  }
  // 0: something is left.
  int64_t WaitNs(int64_t now_ns) const {
    const double left = Left(now_ns);
    return left >= 0 ? 0 : static_cast<int64_t>(-left / rate_.per_s * 1e9) + 1;
  }
  bool full(int64_t now_ns) const { return Left(now_ns) >= rate_.burst; }

 private:
  double Left(int64_t now_ns) const {
    if (now_ns <= at_ns_) return left_;
    return std::min(rate_.burst, left_ + static_cast<double>(now_ns - at_ns_) *
                                             1e-9 * rate_.per_s);
  }

  Rate rate_;
  double left_;
  int64_t at_ns_;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INGEST_TOKEN_BUCKET_H_
