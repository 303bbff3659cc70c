// One HTTP request at a time by libcurl. Follows no redirect, speaks only http
// and https, reads no more of an answer than it is told to. Keeps its
// connections. Used by one thread; `stop` may be set by another and ends a
// request in flight.
//
// Errors name the other side as `shown`, as its URL may hold a secret:
// kUnavailable where there was no answer, kInvalidArgument where the URL is
// none, kResourceExhausted where the answer is longer than `most_bytes`.
#ifndef PLIMSOLL_COLLECTOR_NET_HTTP_EXCHANGE_H_
#define PLIMSOLL_COLLECTOR_NET_HTTP_EXCHANGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plimsoll::collector::net {

struct HttpAnswer {
  long code = 0;
  std::string body;
  int64_t retry_after_ns = 0;  // of Retry-After; 0: none was given
};

class HttpExchange {
 public:
  HttpExchange(int64_t timeout_ns, const std::atomic<bool>* stop);
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  // Shown with each GET from here on; "": none.
  void SetBearer(std::string token) { bearer_ = std::move(token); }

  absl::StatusOr<HttpAnswer> Get(const std::string& url,
                                 const std::string& shown, size_t most_bytes);
  // The answer's first 300 bytes are kept: an error message.
  absl::StatusOr<HttpAnswer> PostJson(const std::string& url,
                                      const std::string& shown,
                                      const std::string& body);

 private:
  struct Handle;
  absl::StatusOr<HttpAnswer> Perform(const std::string& url,
                                     const std::string& shown);
  std::string bearer_;
  const int64_t timeout_ns_;
  const std::atomic<bool>* const stop_;
  std::unique_ptr<Handle> handle_;
};

// kInvalidArgument: the receiver rejects this message (4xx other than 408 and
// 429); sending it again is no use. kUnavailable: it may work later.
absl::Status StatusOfAnswer(const std::string& shown, const HttpAnswer& answer);

// Without the user, password and query that a URL may hold.
std::string ShownUrl(const std::string& url);

}  // namespace plimsoll::collector::net

#endif  // PLIMSOLL_COLLECTOR_NET_HTTP_EXCHANGE_H_
