// One POST of JSON by libcurl. Follows no redirect, speaks only http and https,
// reads no more of an answer than an error message needs.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_HTTP_POST_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_HTTP_POST_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace plimsoll::collector::notify {

// Keeps its connection. Used by one thread; `stop` may be set by another and
// ends a request in flight.
class HttpPost {
 public:
  HttpPost(std::string url, int64_t timeout_ns, const std::atomic<bool>* stop);
  ~HttpPost();
  HttpPost(const HttpPost&) = delete;
  HttpPost& operator=(const HttpPost&) = delete;

  // kInvalidArgument: the receiver rejects this message (4xx other than 408 and
  // 429); sending it again is no use. kUnavailable: it may work later.
  absl::Status Send(const std::string& body);

 private:
  struct Handle;
  const std::string url_;
  const int64_t timeout_ns_;
  const std::atomic<bool>* const stop_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_HTTP_POST_H_
