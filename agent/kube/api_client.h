// GET requests to a Kubernetes API server by libcurl, with a bearer token that
// is read from its file for every request, since it rotates. Used by one
// thread; `stop` may be set by another and ends a request in flight.
#ifndef PLIMSOLL_AGENT_KUBE_API_CLIENT_H_
#define PLIMSOLL_AGENT_KUBE_API_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plimsoll::kube {

struct ApiAddress {
  std::string url;         // "https://10.0.0.1:443"
  std::string token_file;  // "": no token is sent
  std::string ca_file;     // "": the system's
};

class ApiClient {
 public:
  ApiClient(ApiAddress address, const std::atomic<bool>* stop);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  // kPermissionDenied: 401 and 403. kOutOfRange: 410. kNotFound: 404.
  // kUnavailable: anything else that is not 200, and no answer at all.
  absl::StatusOr<std::string> Get(const std::string& path, int64_t timeout_ns);
  // Calls `on_open` once the server has begun to answer with 200, then
  // `on_line` with each line as it comes, until the server ends the answer,
  // `on_line` fails (its error is returned) or the time is over.
  absl::Status Stream(const std::string& path, int64_t timeout_ns,
                      std::function<void()> on_open,
                      std::function<absl::Status(std::string_view)> on_line);

 private:
  struct Transfer;
  absl::Status Perform(const std::string& path, int64_t timeout_ns,
                       Transfer& transfer);

  const ApiAddress address_;
  const std::atomic<bool>* const stop_;
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace plimsoll::kube

#endif  // PLIMSOLL_AGENT_KUBE_API_CLIENT_H_
