// One GET to a collector. Any thread; libcurl is set up on first use.
//
// Errors: kUnavailable the collector does not answer (with how to start one or
// name another); kInvalidArgument the URL is none; kInternal an HTTP status but
// 200, with the beginning of its text.
#ifndef PLIMSOLL_CLI_HTTP_CLIENT_H_
#define PLIMSOLL_CLI_HTTP_CLIENT_H_

#include <string>

#include "absl/status/statusor.h"

namespace plimsoll::cli {

// The body, 64 MiB at most. `url` is the collector's, `path` starts with "/".
absl::StatusOr<std::string> HttpGet(const std::string& url,
                                    const std::string& path);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_HTTP_CLIENT_H_
