// What the collector's endpoints turned away, by reason: nothing measured is
// lost by it, since an agent keeps what is not acknowledged. Shown as
// plimsoll_collector_refused_total{endpoint, reason}. Owned by the server,
// shared by the endpoints; any thread may count and read.
#ifndef PLIMSOLL_COLLECTOR_CORE_INGEST_REFUSAL_COUNTER_H_
#define PLIMSOLL_COLLECTOR_CORE_INGEST_REFUSAL_COUNTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace plimsoll::collector {

// X(NAME, "endpoint", "reason")
#define PLIMSOLL_REFUSALS(X)                             \
  X(kUnauthenticated, "grpc", "unauthenticated")         \
  X(kUnverifiable, "grpc", "authentication_unavailable") \
  X(kOtherNode, "grpc", "other_node")                    \
  X(kHelloLate, "grpc", "hello_late")                    \
  X(kStreams, "grpc", "too_many_streams")                \
  X(kThrottled, "grpc", "throttled")                     \
  X(kMessage, "grpc", "bad_message")                     \
  X(kUnfolded, "grpc", "unfolds_to_too_much")            \
  X(kHttpUnauthorized, "http", "unauthorized")           \
  X(kHttpHeaders, "http", "headers_too_large")           \
  X(kHttpBody, "http", "body_too_large")                 \
  X(kHttpUnfolded, "http", "unfolds_to_too_much")        \
  X(kHttpMalformed, "http", "malformed")                 \
  X(kHttpSlow, "http", "too_slow")                       \
  X(kHttpConnections, "http", "too_many_connections")    \
  X(kHttpRate, "http", "too_many_requests")

enum class Refusal : uint8_t {
#define PLIMSOLL_REFUSAL_ENUM(name, endpoint, reason) name,
  PLIMSOLL_REFUSALS(PLIMSOLL_REFUSAL_ENUM)
#undef PLIMSOLL_REFUSAL_ENUM
};

struct RefusalName {
  const char* endpoint;
  const char* reason;
};
inline constexpr RefusalName kRefusalNames[] = {
#define PLIMSOLL_REFUSAL_NAME(name, endpoint, reason) {endpoint, reason},
    PLIMSOLL_REFUSALS(PLIMSOLL_REFUSAL_NAME)
#undef PLIMSOLL_REFUSAL_NAME
};
inline constexpr size_t kRefusals =
    sizeof(kRefusalNames) / sizeof(kRefusalNames[0]);

class RefusalCounter {
 public:
  void Count(Refusal refusal) {
    counts_[static_cast<size_t>(refusal)].fetch_add(1,
                                                    std::memory_order_relaxed);
  }
  int64_t Total(Refusal refusal) const {
    return counts_[static_cast<size_t>(refusal)].load(
        std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<int64_t>, kRefusals> counts_{};
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INGEST_REFUSAL_COUNTER_H_
