// POST requests to a Kubernetes API server by libcurl, with the collector's own
// bearer token, read from its file for each since it rotates. One thread;
// `stop` may be set by another and ends a request in flight.
#ifndef PLIMSOLL_COLLECTOR_AUTH_API_POST_H_
#define PLIMSOLL_COLLECTOR_AUTH_API_POST_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace plimsoll::collector::auth {

struct ApiServer {
  std::string url;
  std::string token_file;  // "": no token is sent
  std::string ca_file;     // "": the system's
  int64_t timeout_ns = 0;
};

class ApiPost {
 public:
  ApiPost(ApiServer server, const std::atomic<bool>* stop);
  ~ApiPost();
  ApiPost(const ApiPost&) = delete;
  ApiPost& operator=(const ApiPost&) = delete;

  // The answer's body, 1 MiB at most. kUnavailable in words: no answer, or a
  // status other than 200 and 201 (403: what must be granted).
  absl::StatusOr<std::string> Send(const std::string& path,
                                   const std::string& body);

 private:
  const ApiServer server_;
  const std::atomic<bool>* const stop_;
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace plimsoll::collector::auth

#endif  // PLIMSOLL_COLLECTOR_AUTH_API_POST_H_
